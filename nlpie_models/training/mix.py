"""What a masked language model is trained on: prepared corpora, with replay, and what is held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import numpy as np

from ..errors import NlpieError
from .corpus import PreparedCorpus
from .masking import MaskedBlocks
from .pretraining import PretrainingArguments

_HELD_OUT_SEED = 0


@dataclass(frozen=True)
class Mix:
    """What a model is trained on.

    Attributes:
        corpora: Prepared corpora; all their training blocks are in the mix.
        replay: Prepared corpora to replay, so that less is forgotten.
        replay_share: Share of the mix that is drawn from them.
        held_out: Further prepared corpora that are only reported on, by name.
    """

    corpora: Sequence[PreparedCorpus]
    replay: Sequence[PreparedCorpus] = ()
    replay_share: float = 0.0
    held_out: Mapping[str, PreparedCorpus] | None = None

    def blocks(self, seed: int) -> datasets.Dataset:
        """Return the training blocks, those of the replay drawn by a seed.

        Raises:
            NlpieError: A share that cannot be, or one without corpora to replay.
        """
        if not 0 <= self.replay_share < 1 or bool(self.replay) != bool(self.replay_share):
            raise NlpieError(
                f"expected corpora to replay with a share over 0 and under 1, or neither; got {len(self.replay)} and "
                f"{self.replay_share}"
            )
        own = datasets.concatenate_datasets([corpus.open() for corpus in self.corpora])
        if not self.replay:
            return own
        others = datasets.concatenate_datasets([corpus.open() for corpus in self.replay])
        wanted = round(len(own) * self.replay_share / (1 - self.replay_share))
        drawn = np.random.default_rng(seed).choice(len(others), wanted, replace=wanted > len(others))
        return datasets.concatenate_datasets([own, others.select(drawn)])

    def validation(self) -> dict[str, datasets.Dataset]:
        """Return the held-out blocks of every corpus that has some, by name.

        Raises:
            NlpieError: Nothing is held out at all.
        """
        found = {name: corpus.open() for name, corpus in (self.held_out or {}).items()}
        for name, corpora in (("corpus", self.corpora), ("replay", self.replay)):
            distinct = {corpus.folder: corpus for corpus in corpora}.values()
            parts = [corpus.open("validation") for corpus in distinct if corpus.receipt["blocks"]["validation"]]
            if parts:
                found[name] = datasets.concatenate_datasets(parts)
        if not found:
            raise NlpieError("nothing is held out of so few documents; use a larger --held-out-share")
        return found

    def masked(
        self, tokenizer: Any, arguments: PretrainingArguments, *, whole_words: bool
    ) -> tuple[MaskedBlocks, dict[str, MaskedBlocks]]:
        """Return the training blocks, masked for a run, and the held-out ones by name, always masked the same way.

        Raises:
            NlpieError: As :meth:`blocks` and :meth:`validation`.
        """
        seed = arguments.seed
        train = MaskedBlocks(
            self.blocks(seed), tokenizer, whole_words=whole_words, seed=seed, multiple_of=arguments.batch
        )
        held_out = {
            name: MaskedBlocks(each, tokenizer, seed=_HELD_OUT_SEED, fixed=True)
            for name, each in self.validation().items()
        }
        return train, held_out
