"""``nlpie train``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..registry import CorpusPart, get_checkpoint
from ._errors import FriendlyGroup
from .options import TEXT

if TYPE_CHECKING:
    from ..training.corpus import PreparedCorpus

_FROM_RECIPE = (
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
    "head_steps",
    "head_learning_rate",
)


def _take_recipe(ctx: click.Context, _: click.Parameter, name: str | None) -> str | None:
    """Let the recipe of a checkpoint say what the options are by default."""
    if name:
        recipe = get_checkpoint(name).recipe
        if recipe is None or recipe.kind != "continual":
            raise click.BadParameter(f"{name} was not made by continual learning; give --start and --corpus instead")
        values = {option: getattr(recipe, option) for option in _FROM_RECIPE} | {"start": recipe.student}
        ctx.default_map = {option: value for option, value in values.items() if value is not None}
    return name


@click.group(cls=FriendlyGroup)
def train() -> None:
    """Train checkpoints; see also the scripts in `recipes/`."""


@train.command("continue", context_settings={"show_default": True})
@click.argument("name", required=False, is_eager=True, callback=_take_recipe)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of NAME's corpora.")
@click.option("--start", help="Checkpoint to start from, a folder or a name, in the place of NAME's.")
@click.option("--corpus", "corpora", multiple=True, help="File, glob or folder to train on, in the place of NAME's.")
@click.option("--kind", default="text", help="Of --corpus: text, mimic-iii, mimic-iv-note or pubmed.")
@click.option("--replay", multiple=True, help="File, glob or folder of another text to mix in; repeatable.")
@click.option("--replay-share", default=0.0, help="Share of the mix that is replayed.")
@click.option("--held-out", multiple=True, type=TEXT, help="Further text to report the perplexity of.")
@click.option("--held-out-share", default=0.01, help="Share of the documents that is held out.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--store", type=click.Path(path_type=Path), help="Folder of prepared corpora; OUTPUT.corpus by default.")
@click.option("--block", default=128, help="Tokens in a block.")
@click.option("--pack/--no-pack", help="Fill blocks with several documents.")
@click.option("--whole-words/--pieces", help="Mask whole words.")
@click.option("--steps", type=int, help="Optimizer steps, in the place of --epochs.")
@click.option("--epochs", default=1.0, help="Passes over the blocks.")
@click.option("--learning-rate", default=5e-5, help="Peak rate.")
@click.option("--layer-decay", default=1.0, help="Factor of the rate from each layer to the one below.")
@click.option("--batch", default=32, help="Blocks a step, over all processes.")
@click.option("--device-batch", default=16, help="Blocks that a process takes at once.")
@click.option("--warmup-steps", default=0, help="Steps over which the rate rises.")
@click.option("--weight-decay", default=0.01, help="AdamW's.")
@click.option("--dropout", type=float, help="While training.  [default: the model's own]")
@click.option("--head-steps", default=0, help="Steps in which a new head is trained alone before.")
@click.option("--head-learning-rate", default=1e-3, help="Their peak rate.")
@click.option("--evaluate-every", default=500, help="Steps between two held-out perplexities.")
@click.option("--seed", default=123)
@click.option("--bf16/--float32", default=None, help="Precision; by default bfloat16 on an accelerator that has it.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
def continue_command(
    name: str | None,
    data: Path | None,
    start: str | None,
    corpora: tuple[str, ...],
    kind: str,
    replay: tuple[str, ...],
    replay_share: float,
    held_out: tuple[tuple[str, str], ...],
    held_out_share: float,
    output: Path,
    store: Path | None,
    block: int,
    pack: bool,
    whole_words: bool,
    steps: int | None,
    epochs: float,
    learning_rate: float,
    layer_decay: float,
    batch: int,
    device_batch: int,
    warmup_steps: int,
    weight_decay: float,
    dropout: float | None,
    head_steps: int,
    head_learning_rate: float,
    evaluate_every: int,
    seed: int,
    bf16: bool | None,
    resume: bool,
) -> None:
    r"""Train a masked language model further on clinical text (continual learning).

    \b
    nlpie train continue --start distil-65m --corpus notes/ --output my-clinical
    nlpie train continue clinical-distilbert --data MIMIC-III/ --output again
    accelerate launch --num_processes 4 -m nlpie_models train continue ...

    With NAME, what its recipe says (`nlpie show NAME`) is done, unless an option says otherwise. Text is cleaned, freed
    of repetitions and cut into blocks once; the perplexity of held-out documents is logged to OUTPUT.runs/log.jsonl
    and drawn at the end. Stop it whenever you like and go on with --resume.
    """
    if start is None:
        raise click.UsageError("--start is missing: the checkpoint to start from")
    parts = [CorpusPart(path=path, kind=kind) for path in corpora]
    if not parts:
        parts, held_out = _texts_of(name, data, held_out)

    from accelerate import PartialState

    from ..checkpoint_files import find_checkpoint, load_tokenizer
    from ..data.corpora import Source, get_corpus
    from ..tasks import get_task
    from ..training.continual import Mix, continue_pretraining
    from ..training.corpus import Recipe, prepare_corpus
    from ..training.precision import has_accelerator
    from ..training.pretraining import PretrainingArguments

    checkpoint = find_checkpoint(start, get_task("embedding"), None)
    tokenizer = load_tokenizer(checkpoint)
    place = store or output.with_name(f"{output.name}.corpus")

    def prepare(part: CorpusPart, share: float) -> "PreparedCorpus":
        source = Source((part.path,), where=part.where)
        return prepare_corpus(get_corpus(part.kind), source, tokenizer, place, Recipe(block, pack, held_out=share))

    def prepare_all(parts: Sequence[CorpusPart]) -> "list[PreparedCorpus]":
        return [corpus for part in parts for corpus in [prepare(part, held_out_share)] * part.copies]

    with PartialState(cpu=not has_accelerator()).main_process_first():
        mix = Mix(
            prepare_all(parts),
            prepare_all([CorpusPart(path=path) for path in replay]),
            replay_share,
            {text: prepare(CorpusPart(path=path), share=0.0) for text, path in held_out},
        )
    blocks = len(mix.blocks(seed))
    arguments = PretrainingArguments(
        steps=steps or max(1, round(epochs * blocks / batch)),
        batch=batch,
        device_batch=device_batch,
        learning_rate=learning_rate,
        layer_decay=layer_decay,
        warmup_steps=warmup_steps,
        weight_decay=weight_decay,
        dropout=dropout,
        evaluate_every=evaluate_every,
        seed=seed,
        bf16=bf16,
    )
    click.echo(f"{blocks:,} blocks of {block} tokens, {arguments.steps:,} steps of {batch}", err=True)
    record = continue_pretraining(
        checkpoint,
        mix,
        output=output,
        arguments=arguments,
        head_steps=head_steps,
        head_learning_rate=head_learning_rate,
        whole_words=whole_words,
        resume=resume,
    )
    for corpus, perplexity in record["perplexity"].items():
        click.echo(f"{output}: perplexity {perplexity:.2f} on held-out {corpus}")


def _texts_of(
    name: str | None, data: Path | None, held_out: tuple[tuple[str, str], ...]
) -> tuple[list[CorpusPart], tuple[tuple[str, str], ...]]:
    """Return the corpora of a recipe, and the texts that it holds out if no others are, where they are here."""
    recipe = get_checkpoint(name).recipe if name else None
    if recipe is None or not recipe.corpora:
        raise click.UsageError("--corpus is missing: the text to train on")
    if data is None:
        paths = ", ".join(part.path for part in recipe.corpora)
        raise click.UsageError(f"--data is missing: the folder that holds {paths}")
    own = tuple((text, str(data / path)) for text, path in recipe.held_out.items())
    return [replace(part, path=str(data / part.path)) for part in recipe.corpora], held_out or own
