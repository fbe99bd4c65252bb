"""Masked-language-model training: reproducible masks, and logits only where there is a label.

What is masked in a block follows from the seed, the epoch and the block's number alone. So a resumed run, accumulated
batches and several processes see the same masks as one uninterrupted process.

The head of a compact model costs as much as its encoder (384 x 30,522 for all-MiniLM-L6-v2, against 10.6M
multiply-accumulates of six layers), and 85% of its logits have no label. Hooks cut the head's input down to the masked
tokens: the model stays the plain one, under DistributedDataParallel and when it is saved.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import TrainerCallback

from ..errors import CheckpointError, NlpieError
from ..util.targets import IGNORED
from .packing import find_continuing_pieces

_MASKED, _MASKED_OR_RANDOM = 0.8, 0.9
_HEADS = ("cls", "vocab_transform")  # the first module of the head: BERT and MobileBERT; DistilBERT and MiniALBERT


class MaskedBlocks(Dataset):
    """Blocks of word pieces with 15% of them to be predicted, as BERT (https://arxiv.org/abs/1810.04805) chose them.

    Of the chosen pieces 80% are replaced by the mask, 10% by any piece, and 10% stay.

    Args:
        blocks: Rows with ``input_ids`` (L,), special tokens included.
        tokenizer: Their fast tokenizer, with a mask token.
        share: Share of the pieces (of the words) that are chosen.
        whole_words: Whether all the pieces of a word are chosen together.
        seed: Seed of the choice.
        fixed: Whether every epoch has the same masks, as for held-out blocks.
        multiple_of: Blocks in a training step. The first blocks are repeated at the end, under other masks, until an
            epoch is whole steps: an epoch is then the same however many processes share a step.

    Raises:
        NlpieError: The tokenizer has no mask token, or whole words are asked for and it is not WordPiece.
    """

    def __init__(
        self,
        blocks: Sequence[Mapping[str, Any]],
        tokenizer: Any,
        *,
        share: float = 0.15,
        whole_words: bool = False,
        seed: int = 0,
        fixed: bool = False,
        multiple_of: int = 1,
    ) -> None:
        continues = find_continuing_pieces(tokenizer) if whole_words else np.zeros(len(tokenizer), dtype=bool)
        if tokenizer.mask_token_id is None or continues is None:
            raise NlpieError(f"expected a WordPiece tokenizer with a mask token, got {type(tokenizer).__name__}")
        self._blocks = blocks
        self._length = -(-len(blocks) // multiple_of) * multiple_of
        self._special = np.isin(np.arange(len(tokenizer)), tokenizer.all_special_ids)
        self._continues = continues
        self._ordinary = np.flatnonzero(~self._special)
        self._mask = tokenizer.mask_token_id
        self._share, self._seed, self._fixed = share, seed, fixed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by workers that outlive an epoch

    def start_epoch(self, epoch: int) -> None:
        """Draw the masks of this epoch, counted from 0, from now on."""
        if not self._fixed:
            self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """Return ``input_ids``, ``labels`` (-100 where nothing is to be predicted) and ``predicted``, each (L,)."""
        if not 0 <= index < self._length:
            raise IndexError(index)
        ids = np.asarray(self._blocks[index % len(self._blocks)]["input_ids"], dtype=np.int64)
        rng = np.random.default_rng([self._seed, int(self._epoch), index])
        chosen = self._choose(ids, rng)
        fate = rng.random(len(ids))
        given = np.where(chosen & (fate < _MASKED), self._mask, ids)
        anything = rng.choice(self._ordinary, len(ids))
        given = np.where(chosen & (fate >= _MASKED) & (fate < _MASKED_OR_RANDOM), anything, given)
        return {
            "input_ids": torch.from_numpy(given),
            "labels": torch.from_numpy(np.where(chosen, ids, IGNORED)),
            "predicted": torch.from_numpy(chosen),
        }

    def _choose(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return which pieces (L,) are to be predicted: those of the words that are drawn, of one word at least."""
        special = self._special[ids]
        starts = ~self._continues[ids] | np.roll(special, 1)  # a piece that goes on with another block's word, too
        word = np.cumsum(starts) - 1
        chances = np.where(special[starts], 1.0, rng.random(word[-1] + 1))
        drawn = (chances < self._share) | (chances == chances.min())
        return drawn[word] & ~special


class EpochMasking(TrainerCallback):
    """Tells masked blocks which epoch a Trainer begins, or resumes.

    accelerate does so only in runs of one process.
    """

    def __init__(self, blocks: MaskedBlocks) -> None:
        self._blocks = blocks

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._blocks.start_epoch(int(state.epoch or 0))


def collate_blocks(
    examples: Sequence[Mapping[str, torch.Tensor]], pad_token_id: int = 0, pad_to: int | None = None
) -> dict[str, torch.Tensor]:
    """Pad masked blocks to one length: ``input_ids``, ``attention_mask``, ``labels`` and ``predicted`` (B, L).

    Args:
        examples: Masked blocks.
        pad_token_id: Id of the padding token.
        pad_to: L; by default the length of the longest block.
    """
    columns = {name: [example[name] for example in examples] for name in examples[0]}
    columns["attention_mask"] = [torch.ones_like(ids) for ids in columns["input_ids"]]
    padding = {"input_ids": pad_token_id, "attention_mask": 0, "labels": IGNORED, "predicted": False}
    batch = {name: pad_sequence(rows, batch_first=True, padding_value=padding[name]) for name, rows in columns.items()}
    more = max(0, (pad_to or 0) - batch["input_ids"].shape[1])
    return {name: pad(rows, (0, more), value=padding[name]) for name, rows in batch.items()} if more else batch


@contextmanager
def sparse_head(model: nn.Module) -> Iterator[None]:
    """Let a model take ``predicted`` (B, L), and give logits (N, V) for its N true tokens alone, row by row.

    Args:
        model: A model with a masked-language-model head.

    Raises:
        CheckpointError: It has no such head.
    """
    head = next((getattr(model, name) for name in _HEADS if hasattr(model, name)), None)
    if head is None:
        raise CheckpointError(f"{type(model).__name__} has no masked-language-model head")
    chosen: list[torch.Tensor] = []

    def take(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        chosen[:] = [kwargs.pop("predicted")]
        return args, kwargs

    def cut(module: nn.Module, args: tuple) -> tuple:
        return (args[0][chosen[0]],)

    handles = [model.register_forward_pre_hook(take, with_kwargs=True), head.register_forward_pre_hook(cut)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def masked_lm_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the cross-entropy of logits (N, V) with the N labels (B, L) that are not -100.

    The sum is divided by ``num_items_in_batch``, the labels of all processes and accumulated batches, if it is given.
    """
    targets = labels[labels != IGNORED]
    total = nn.functional.cross_entropy(outputs["logits"].float(), targets, reduction="sum")
    return total / (max(1, len(targets)) if num_items_in_batch is None else num_items_in_batch)


def sum_losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return for each row of labels (B, L) the summed cross-entropy of its masked tokens, and their number (B, 2)."""
    rows, _ = torch.nonzero(labels != IGNORED, as_tuple=True)
    losses = nn.functional.cross_entropy(logits.float(), labels[labels != IGNORED], reduction="none")
    sums = losses.new_zeros(len(labels), 2)
    return sums.index_add(0, rows, torch.stack([losses, torch.ones_like(losses)], dim=1))
