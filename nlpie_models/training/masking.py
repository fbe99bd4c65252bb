"""Masking of blocks for masked-language-model training, drawn anew in every epoch and the same again after a resume.

What is masked in a block follows from the seed, the epoch and the block itself: neither batch size, workers and
processes nor where a run was broken off matter, and processes mask differently as they have different blocks. The
collator of transformers 5 draws from one generator, which every process seeds alike and which starts over when a run
is resumed; its whole-word masking ties a word to the stop after it, and always puts ``[MASK]``.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ..errors import NlpieError
from .word_pieces import find_continuing_pieces

_IGNORED = -100


@dataclass(frozen=True)
class Masking:
    """What is masked, and by what; the defaults are BERT's (Devlin et al., 2019, https://aclanthology.org/N19-1423).

    Attributes:
        share: Share of the tokens, or with ``whole_words`` of the words, that are to be guessed; at least one a block.
        masked: Share of those that become ``[MASK]``.
        random: Share of those that become another token; the rest stay.
        whole_words: Whether all pieces of a word are guessed together.
        seed: Of the draws.
    """

    share: float = 0.15
    masked: float = 0.8
    random: float = 0.1
    whole_words: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1 or min(self.masked, self.random) < 0 or self.masked + self.random > 1:
            raise NlpieError("expected a share over 0 and under 1, and masked and random that come to 1 at most")


class MaskingCollator:
    """Pads blocks and masks them.

    Args:
        tokenizer: The one that made the blocks; WordPiece for whole words.
        masking: What is masked.
    """

    def __init__(self, tokenizer: Any, masking: Masking = Masking()) -> None:
        if tokenizer.mask_token_id is None or tokenizer.pad_token_id is None:
            raise NlpieError(f"expected a tokenizer with [MASK] and [PAD], got {type(tokenizer).__name__}")
        continues = find_continuing_pieces(tokenizer)
        if masking.whole_words and continues is None:
            raise NlpieError(f"whole words need a WordPiece tokenizer, got {type(tokenizer).__name__}")
        self._masking = masking
        self._mask, self._pad = tokenizer.mask_token_id, tokenizer.pad_token_id
        self._special = torch.zeros(len(tokenizer), dtype=torch.bool)
        self._special[tokenizer.all_special_ids] = True
        self._ordinary = torch.nonzero(~self._special).flatten()
        self._continues = torch.from_numpy(continues) if masking.whole_words else torch.zeros_like(self._special)
        # In shared memory, so that workers that outlive an epoch see the next one begin.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Say which pass over the blocks begins, counted from 0."""
        self._epoch.fill_(epoch)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Mask the blocks under ``input_ids``.

        Returns:
            ``input_ids``, ``attention_mask`` and ``labels`` (B, L), the labels -100 where nothing is to be guessed.
        """
        blocks = [torch.from_numpy(np.asarray(row["input_ids"]).astype(np.int64)) for row in rows]
        masked = [self._mask_block(block) for block in blocks]
        return {
            "input_ids": self._stack([ids for ids, _ in masked], self._pad),
            "attention_mask": self._stack([torch.ones_like(block) for block in blocks], 0),
            "labels": self._stack([labels for _, labels in masked], _IGNORED),
        }

    def _stack(self, rows: list[torch.Tensor], value: int) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)

    def _mask_block(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the masked ids (L,) and the labels (L,) of a block (L,)."""
        draw = torch.Generator().manual_seed(self._seed_of(ids))
        guessed = self._choose(ids, draw)
        labels = ids.where(guessed, _IGNORED)
        how = torch.rand(len(ids), generator=draw)
        others = self._ordinary[torch.randint(len(self._ordinary), (len(ids),), generator=draw)]
        by_mask = guessed & (how < self._masking.masked)
        by_other = guessed & ~by_mask & (how < self._masking.masked + self._masking.random)
        return ids.masked_fill(by_mask, self._mask).where(~by_other, others), labels

    def _choose(self, ids: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Return which tokens (L,) are to be guessed."""
        special = self._special[ids]
        # A piece that goes on with a word of the block before begins one here.
        starts = ~self._continues[ids] | special.roll(1)
        word = starts.cumsum(0) - 1
        chances = torch.rand(int(word[-1]) + 1, generator=draw).masked_fill(special[starts], 1.0)
        chosen = chances < self._masking.share
        if not chosen.any():
            chosen[chances.argmin()] = True
        return chosen[word] & ~special

    def _seed_of(self, ids: torch.Tensor) -> int:
        key = struct.pack("<qq", self._masking.seed, int(self._epoch))
        return int.from_bytes(blake2b(ids.numpy().tobytes(), digest_size=8, key=key).digest(), "little") >> 1


class MaskAnew(TrainerCallback):
    """Tells the collator which epoch a Trainer begins, or is in the midst of when it resumes."""

    def __init__(self, collator: MaskingCollator) -> None:
        self._collator = collator

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._collator.set_epoch(int(state.epoch or 0))
