"""Continual learning from prepared corpora: a mix with replay, a new head first, then the whole model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..checkpoint_files import MASKED_LM, LocalCheckpoint
from ..errors import NlpieError
from .corpus import PreparedCorpus
from .masking import MaskedBlocks
from .pretraining import PretrainingArguments, pretrain
from .starting import start_masked_lm

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


def continue_pretraining(
    start: LocalCheckpoint,
    mix: Mix,
    *,
    output: Path,
    arguments: PretrainingArguments,
    head_steps: int = 0,
    head_learning_rate: float = 1e-3,
    whole_words: bool = False,
    resume: bool = False,
) -> dict[str, Any]:
    """Train a checkpoint further as a masked language model and save it.

    Args:
        start: Where it starts; without a language-model head it gets a new one.
        mix: The blocks.
        output: Folder for the model; work in progress goes to ``<output>.runs`` and ``<output>.head``.
        arguments: How to train.
        head_steps: Steps in which a new head is trained alone before.
        head_learning_rate: Their peak rate.
        whole_words: Whether whole words are masked.
        resume: Go on from the last checkpoint.

    Returns:
        The record; see :func:`nlpie_models.training.pretraining.pretrain`.

    Raises:
        NlpieError: The output exists, or the mix or the batch cannot be.
    """
    head = output.with_name(f"{output.name}.head")
    if head.exists():
        start = LocalCheckpoint(head)
    counts = None
    if start.auto_class != MASKED_LM:
        counts = count_pieces(mix.blocks(arguments.seed), start.config["vocab_size"])
    model, tokenizer = start_masked_lm(start, seed=arguments.seed, counts=counts)
    train, held_out = mix.masked(tokenizer, arguments, whole_words=whole_words)
    if counts is not None and head_steps:
        model.base_model.requires_grad_(False)
        first = replace(
            arguments,
            steps=head_steps,
            learning_rate=head_learning_rate,
            warmup_steps=head_steps // 10,
            layer_decay=1.0,
        )
        pretrain(model, tokenizer, train=train, held_out=held_out, output=head, arguments=first, resume=resume)
        model.base_model.requires_grad_(True)
    return pretrain(model, tokenizer, train=train, held_out=held_out, output=output, arguments=arguments, resume=resume)


def count_pieces(blocks: datasets.Dataset, vocabulary: int) -> np.ndarray:
    """Return how often each piece of a vocabulary stands in blocks (V,)."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for batch in blocks.iter(batch_size=1000):
        counts += np.bincount(np.concatenate(batch["input_ids"]), minlength=vocabulary)
    return counts
