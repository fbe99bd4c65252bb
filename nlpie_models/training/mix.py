"""What a masked language model is trained on: prepared corpora, with replay, and held-out text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from accelerate import PartialState

from ..data.unlabelled import CorpusSource, get_corpus
from ..errors import NlpieError
from ..loading.local import LocalCheckpoint
from ..loading.models import load_tokenizer
from ..recipes import CorpusPart, PretrainingArguments
from .corpus import CorpusRecipe, PreparedCorpus, prepare_corpus
from .masked_lm import MaskedBlocks
from .runs import has_accelerator

_HELD_OUT_SEED = 0
_PREPARATION_TIMEOUT = timedelta(days=1)


@dataclass(frozen=True)
class TrainingMix:
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
    held_out: Mapping[str, PreparedCorpus] = field(default_factory=dict)

    def blocks(self, seed: int) -> datasets.Dataset:
        """Return the training blocks, those of the replay drawn by a seed.

        Raises:
            NlpieError: The share is not from 0 to 1, or there is one without corpora to replay.
        """
        if not 0 <= self.replay_share < 1 or bool(self.replay) != bool(self.replay_share):
            raise NlpieError(
                f"expected corpora to replay with a share over 0 and under 1, or neither; got {len(self.replay)} and "
                f"{self.replay_share}"
            )
        blocks = datasets.concatenate_datasets([corpus.open() for corpus in self.corpora])
        if not self.replay:
            return blocks
        replayed = datasets.concatenate_datasets([corpus.open() for corpus in self.replay])
        count = round(len(blocks) * self.replay_share / (1 - self.replay_share))
        drawn = np.random.default_rng(seed).choice(len(replayed), count, replace=count > len(replayed))
        return datasets.concatenate_datasets([blocks, replayed.select(drawn)])

    def validation(self) -> dict[str, datasets.Dataset]:
        """Return the held-out blocks of every corpus that has some, by name.

        Raises:
            NlpieError: Nothing is held out at all.
        """
        held_out = {name: corpus.open() for name, corpus in self.held_out.items()}
        for name, corpora in (("corpus", self.corpora), ("replay", self.replay)):
            distinct = {corpus.folder: corpus for corpus in corpora}.values()
            parts = [corpus.open("validation") for corpus in distinct if corpus.receipt["blocks"]["validation"]]
            if parts:
                held_out[name] = datasets.concatenate_datasets(parts)
        if not held_out:
            raise NlpieError("nothing is held out of so few documents; use a larger --held-out-share")
        return held_out

    def masked(self, tokenizer: Any, arguments: PretrainingArguments) -> tuple[MaskedBlocks, dict[str, MaskedBlocks]]:
        """Return the training blocks, masked for a run, and the held-out blocks by name, always masked the same way.

        Raises:
            NlpieError: As :meth:`blocks` and :meth:`validation`.
        """
        train = MaskedBlocks(
            self.blocks(arguments.seed),
            tokenizer,
            whole_words=arguments.whole_words,
            seed=arguments.seed,
            multiple_of=arguments.batch,
        )
        held_out = {
            name: MaskedBlocks(blocks, tokenizer, seed=_HELD_OUT_SEED, fixed=True)
            for name, blocks in self.validation().items()
        }
        return train, held_out


def prepare_mix(
    checkpoint: LocalCheckpoint,
    corpora: Sequence[CorpusPart],
    arguments: PretrainingArguments,
    *,
    store: Path,
    replay: Sequence[CorpusPart] = (),
    replay_share: float = 0.0,
    held_out: Mapping[str, str] | None = None,
    held_out_share: float = 0.01,
) -> TrainingMix:
    """Cut texts into blocks as a checkpoint reads them, each text once, in the first process of all.

    Args:
        checkpoint: The start of the training, or the teacher.
        corpora: Texts to train on.
        arguments: Say how long blocks are, and whether they hold several documents.
        store: Folder of prepared corpora.
        replay: Texts to replay.
        replay_share: Share of the mix that is drawn from them.
        held_out: Files, globs or folders of texts that are only reported on, by name.
        held_out_share: Share of the documents of corpora and replay that is held out.

    Raises:
        NlpieError: The checkpoint reads no blocks of this length, or a text cannot be prepared.
    """
    state = PartialState(cpu=not has_accelerator(), timeout=_PREPARATION_TIMEOUT)
    tokenizer = load_tokenizer(checkpoint)
    limit = min(checkpoint.config["max_position_embeddings"], tokenizer.model_max_length)
    if arguments.block > limit:
        raise NlpieError(f"{checkpoint.name} reads {limit} tokens at most; got a --block of {arguments.block}")

    def prepare(part: CorpusPart, share: float) -> PreparedCorpus:
        recipe = CorpusRecipe(arguments.block, arguments.pack, held_out=share)
        return prepare_corpus(
            get_corpus(part.kind), CorpusSource((part.path,), where=part.where), tokenizer, store, recipe
        )

    def prepare_all(parts: Sequence[CorpusPart]) -> list[PreparedCorpus]:
        return [corpus for part in parts for corpus in [prepare(part, held_out_share)] * part.copies]

    with state.main_process_first():
        return TrainingMix(
            prepare_all(corpora),
            prepare_all(replay),
            replay_share,
            {name: prepare(CorpusPart(path=path), share=0.0) for name, path in (held_out or {}).items()},
        )
