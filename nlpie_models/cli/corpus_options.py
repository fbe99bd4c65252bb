"""What the trainings on unlabelled text have in common on the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import NlpieError
from ..registry import CorpusPart, Recipe
from .options import TEXT

if TYPE_CHECKING:
    from ..checkpoint_files import LocalCheckpoint
    from ..training.corpus import PreparedCorpus
    from ..training.mix import Mix
    from ..training.pretraining import PretrainingArguments

_COUNT = click.IntRange(min=1)
_PREPARATION_TIMEOUT = timedelta(days=1)
_OWN_TEXTS = ("corpus", "replay")
_OPTIONS = (
    click.option(
        "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of NAME's corpora."
    ),
    click.option(
        "--corpus", "corpora", multiple=True, help="File, glob or folder to train on, in the place of NAME's."
    ),
    click.option("--kind", default="text", help="Of --corpus: text, mimic-iii, mimic-iv-note or pubmed."),
    click.option("--replay", multiple=True, help="File, glob or folder of another text to mix in; repeatable."),
    click.option("--replay-share", default=0.0, help="Share of the mix that is replayed."),
    click.option("--held-out", multiple=True, type=TEXT, help="Further text to report the perplexity of."),
    click.option("--held-out-share", default=0.01, help="Share of the documents that is held out."),
    click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write."),
    click.option(
        "--store", type=click.Path(path_type=Path), help="Folder of prepared corpora; OUTPUT.corpus by default."
    ),
    click.option("--block", type=_COUNT, default=128, help="Tokens in a block."),
    click.option("--pack/--no-pack", help="Fill blocks with several documents."),
    click.option("--whole-words/--pieces", help="Mask whole words."),
    click.option("--steps", type=_COUNT, help="Optimizer steps, in the place of --epochs."),
    click.option("--epochs", default=1.0, help="Passes over the blocks."),
    click.option("--learning-rate", default=5e-5, help="Peak rate."),
    click.option("--layer-decay", default=1.0, help="Factor of the rate from each layer to the one below."),
    click.option("--batch", type=_COUNT, default=32, help="Blocks a step, over all processes."),
    click.option("--device-batch", type=_COUNT, default=16, help="Blocks that a process takes at once."),
    click.option("--warmup-steps", type=click.IntRange(min=0), default=0, help="Steps over which the rate rises."),
    click.option("--weight-decay", default=0.01, help="AdamW's."),
    click.option("--dropout", type=float, help="While training.  [default: the model's own]"),
    click.option("--evaluate-every", type=_COUNT, default=500, help="Steps between two held-out perplexities."),
    click.option("--seed", default=123),
    click.option(
        "--bf16/--float32", default=None, help="Precision; by default bfloat16 where the hardware computes in it."
    ),
    click.option("--resume", is_flag=True, help="Go on from the last checkpoint."),
)
RECIPE_KEYS = (
    "learning_rate",
    "epochs",
    "steps",
    "batch",
    "warmup_steps",
    "weight_decay",
    "seed",
    "block",
    "pack",
    "whole_words",
    "layer_decay",
    "dropout",
)
"""What a recipe says of them."""


def corpus_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it takes them as keywords, for :class:`CorpusOptions`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class CorpusOptions:
    """Their values; ``--help`` explains them."""

    data: Path | None
    corpora: tuple[str, ...]
    kind: str
    replay: tuple[str, ...]
    replay_share: float
    held_out: tuple[tuple[str, str], ...]
    held_out_share: float
    output: Path
    store: Path | None
    block: int
    pack: bool
    whole_words: bool
    steps: int | None
    epochs: float
    learning_rate: float
    layer_decay: float
    batch: int
    device_batch: int
    warmup_steps: int
    weight_decay: float
    dropout: float | None
    evaluate_every: int
    seed: int
    bf16: bool | None
    resume: bool

    def prepare(self, recipe: Recipe | None, checkpoint: "LocalCheckpoint") -> "Mix":
        """Return the mix of the corpora that are given, or of a recipe's, cut as a checkpoint reads them.

        Raises:
            UsageError: There is neither, or no ``--data`` where the recipe's are.
            NlpieError: The output cannot be written, the checkpoint reads no such blocks, or a corpus cannot be
                prepared.
        """
        parts, held_out = self._texts(recipe)

        from accelerate import PartialState

        from ..checkpoint_files import load_tokenizer
        from ..data.corpora import Source, get_corpus
        from ..training.corpus import Recipe as Preparation
        from ..training.corpus import prepare_corpus
        from ..training.mix import Mix
        from ..training.precision import has_accelerator
        from ..training.runs import open_runs

        state = PartialState(cpu=not has_accelerator(), timeout=_PREPARATION_TIMEOUT)
        open_runs(self.output, resume=self.resume)
        tokenizer = load_tokenizer(checkpoint)
        limit = min(checkpoint.config["max_position_embeddings"], tokenizer.model_max_length)
        if self.block > limit:
            raise NlpieError(f"{checkpoint.name} reads {limit} tokens at most; got a --block of {self.block}")
        store = self.store or self.output.with_name(f"{self.output.name}.corpus")

        def prepare(part: CorpusPart, share: float) -> "PreparedCorpus":
            source = Source((part.path,), where=part.where)
            preparation = Preparation(self.block, self.pack, held_out=share)
            return prepare_corpus(get_corpus(part.kind), source, tokenizer, store, preparation)

        def prepare_all(parts: Sequence[CorpusPart]) -> "list[PreparedCorpus]":
            return [corpus for part in parts for corpus in [prepare(part, self.held_out_share)] * part.copies]

        with state.main_process_first():
            return Mix(
                prepare_all(parts),
                prepare_all([CorpusPart(path=path) for path in self.replay]),
                self.replay_share,
                {text: prepare(CorpusPart(path=path), share=0.0) for text, path in held_out},
            )

    def plan(self, mix: "Mix") -> "PretrainingArguments":
        """Return how to train on a mix, and say it.

        Raises:
            UsageError: The rate would rise to the end.
        """
        from ..training.pretraining import PretrainingArguments

        blocks = len(mix.blocks(self.seed))
        steps = self.steps or max(1, round(self.epochs * blocks / self.batch))
        if self.warmup_steps >= steps:
            raise click.UsageError(
                f"expected --warmup-steps of fewer than the {steps:,} steps of the run, got {self.warmup_steps:,}"
            )
        click.echo(f"{blocks:,} blocks of {self.block} tokens, {steps:,} steps of {self.batch}", err=True)
        return PretrainingArguments(
            steps=steps,
            batch=self.batch,
            device_batch=self.device_batch,
            learning_rate=self.learning_rate,
            layer_decay=self.layer_decay,
            warmup_steps=self.warmup_steps,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            evaluate_every=self.evaluate_every,
            seed=self.seed,
            bf16=self.bf16,
        )

    def _texts(self, recipe: Recipe | None) -> tuple[list[CorpusPart], tuple[tuple[str, str], ...]]:
        """Return the corpora, and the texts that are held out: a recipe's, where they are here, if none are given."""
        names = [*_OWN_TEXTS, *(name for name, _ in self.held_out)]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise click.UsageError(
                f"expected every --held-out under a name of its own, and not {' or '.join(_OWN_TEXTS)}, which are "
                f"held out of the corpora; got {', '.join(sorted(repeated))}"
            )
        if self.corpora:
            return [CorpusPart(path=path, kind=self.kind) for path in self.corpora], self.held_out
        if recipe is None or not recipe.corpora:
            raise click.UsageError("--corpus is missing: the text to train on")
        if self.data is None:
            paths = ", ".join(part.path for part in recipe.corpora)
            raise click.UsageError(f"--data is missing: the folder that holds {paths}")
        own = tuple((text, str(self.data / path)) for text, path in recipe.held_out.items())
        return [replace(part, path=str(self.data / part.path)) for part in recipe.corpora], self.held_out or own
