"""``nlpie train``."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..recipes import (
    Continual,
    ContinualArguments,
    CorpusPart,
    Distillation,
    DistillationArguments,
    Finetuning,
    FinetuningArguments,
    PretrainingArguments,
)
from ..registry import get_checkpoint
from .groups import FriendlyCommand, FriendlyGroup
from .options import LABELLED_DATA, TEXT
from .training_options import FOLDER, Command, argument_options, is_replaced, run_options, take_arguments, take_recipe

Arguments = TypeVar("Arguments", bound=PretrainingArguments)

if TYPE_CHECKING:
    from ..loading.local import LocalCheckpoint
    from ..training.mix import TrainingMix
    from ..training.runs import RunOutput

_SETTINGS = {"show_default": True}
_NAMES_TAKEN = ("corpus", "replay")
_TEXT_OPTIONS = (
    click.option("--data", type=FOLDER, help="Folder of NAME's corpora."),
    click.option("--corpus", multiple=True, help="File, glob or folder to train on, in place of NAME's; repeatable."),
    click.option("--kind", default="text", help="Kind of --corpus; `nlpie data formats` lists them."),
    click.option("--replay", multiple=True, help="File, glob or folder of other text to mix in; repeatable."),
    click.option("--replay-share", default=0.0, help="Share of the mix that is replayed."),
    click.option("--held-out", multiple=True, type=TEXT, help="Further text to report the perplexity of."),
    click.option("--held-out-share", default=0.01, help="Share of the documents that is held out."),
    click.option(
        "--store", type=click.Path(path_type=Path), help="Folder of prepared corpora; OUTPUT.corpus by default."
    ),
)


def text_options(command: Command) -> Command:
    """Give a command the options that choose unlabelled text, for :func:`_prepare`."""
    for option in reversed(_TEXT_OPTIONS):
        command = option(command)
    return command


@click.group(cls=FriendlyGroup)
def train() -> None:
    """Train checkpoints; see also the scripts in `recipes/`."""


@train.command("continue", cls=FriendlyCommand, context_settings=_SETTINGS)
@click.argument("name", required=False, is_eager=True, callback=take_recipe(Continual, instead="--start and --corpus"))
@click.option("--start", required=True, help="Checkpoint to start from, a folder or a name.")
@click.option("--anchor", help="Encoder whose sentence vectors are to be kept, such as the start; none by default.")
@text_options
@run_options
@argument_options(ContinualArguments)
@click.pass_context
def continue_command(ctx: click.Context, name: str | None, start: str, anchor: str | None, **values: Any) -> None:
    """Train a masked language model further on clinical text (continual learning).

    \b
    nlpie train continue --start distil-65m --corpus notes/ --output my-clinical
    nlpie train continue clinical-distilbert --data MIMIC-III/ --output again
    accelerate launch --num_processes 4 -m nlpie_models train continue ...

    With NAME, what the recipe of that checkpoint says (`nlpie show NAME`) is done, unless an option says otherwise.
    Text is cleaned, freed of repetitions and cut into blocks once; the perplexity of held-out documents is logged to
    OUTPUT.runs/log.jsonl and drawn at the end. Stop the run whenever you like and go on with --resume.
    """
    arguments = _take_arguments(ctx, ContinualArguments, values)

    from ..loading.find import find_checkpoint
    from ..training.continual import continue_pretraining

    checkpoint = find_checkpoint(start)
    anchored_to = find_checkpoint(anchor) if anchor else None
    mix = _prepare(name, checkpoint, arguments, values)
    output = _output(values)
    record = continue_pretraining(checkpoint, mix, output=output, arguments=_plan(mix, arguments), anchor=anchored_to)
    _report(output.path, record)


@train.command("distill", cls=FriendlyCommand, context_settings=_SETTINGS)
@click.argument(
    "name",
    required=False,
    is_eager=True,
    callback=take_recipe(Distillation, instead="--teacher, --student, --objective and --corpus"),
)
@click.option("--teacher", required=True, help="Checkpoint to learn from, a folder or a name.")
@text_options
@run_options
@argument_options(DistillationArguments)
@click.pass_context
def distill_command(ctx: click.Context, name: str | None, teacher: str, **values: Any) -> None:
    """Train a small masked language model beside a larger one (distillation).

    \b
    nlpie train distill --teacher my-base --student layers -S every=2 --objective distilbert \\
        --corpus notes/ --output my-small
    nlpie train distill --teacher my-base --student pruned -S layers=[0,1,2,5] -S hidden=312 -S feed_forward=1200 \\
        --objective minilm --corpus notes/ --output my-tiny
    nlpie train distill --teacher my-base --student minialbert -S embedding=128 --objective layerwise ...
    nlpie train distill distil-clinicalbert --data MIMIC-III/ --output again

    With NAME, what the recipe of that checkpoint says (`nlpie show NAME`) is done, unless an option says otherwise;
    with another --student or --objective, the recipe's options for that are left out. Text is treated as by `nlpie
    train continue`; the student's perplexity, and each part of the objective, are logged to OUTPUT.runs/log.jsonl. Stop
    the run whenever you like and go on with --resume.
    """
    for option in ("objective", "student"):
        if is_replaced(ctx, f"{option}_options", by=option):
            values[f"{option}_options"] = ()
    arguments = _take_arguments(ctx, DistillationArguments, values)

    from ..loading.find import find_checkpoint
    from ..training.distilling import distil

    checkpoint = find_checkpoint(teacher)
    mix = _prepare(name, checkpoint, arguments, values)
    output = _output(values)
    record = distil(checkpoint, mix, output=output, arguments=_plan(mix, arguments))
    _report(output.path, record)


@train.command("finetune", cls=FriendlyCommand, context_settings=_SETTINGS)
@click.argument("name", required=False, is_eager=True, callback=take_recipe(Finetuning, instead="--task and --start"))
@click.option("--task", "task_name", default="ner", help="ner, relation, nli or classification.")
@click.option("--start", required=True, help="Checkpoint to start from: a folder, or a name from `nlpie list`.")
@click.option(
    "--data",
    required=True,
    type=LABELLED_DATA,
    help="Folder with train and validation .jsonl[.gz], or data in the package: clinical_notes, clinical_nli.",
)
@click.option(
    "--teacher", "teachers", multiple=True, type=FOLDER, help="Checkpoint that is fine-tuned for the task; repeatable."
)
@click.option("--unlabelled", multiple=True, help="Files, globs or folders of texts that the teachers label.")
@click.option(
    "--soft-targets",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps what the teachers say, for further runs beside them; holds no text.",
)
@run_options
@argument_options(FinetuningArguments)
def finetune_command(
    name: str | None,
    task_name: str,
    start: str,
    data: Path,
    teachers: tuple[Path, ...],
    unlabelled: tuple[str, ...],
    soft_targets: Path | None,
    **values: Any,
) -> None:
    """Fine-tune a checkpoint for a task, on labels alone or beside fine-tuned teachers.

    \b
    nlpie train finetune --task ner --start open-small --data my-notes/ --output my-ner
    nlpie train finetune --task relation --start open-small --data clinical_notes --output my-relations
    nlpie train finetune --task classification --start my-clinical --data my-notes/ --probe --output my-classifier
    nlpie train finetune open-notes-cancer --data icn/ --output again

    The epoch that is best on the validation rows is kept; best means strict span F1 for named entities, accuracy for
    inference, F1 for relations, macro F1 for classification. With NAME, what the recipe of that checkpoint says (`nlpie
    show NAME`) is done, unless an option says otherwise. Stop the run whenever you like and go on with --resume.
    """
    arguments = take_arguments(FinetuningArguments, values)

    from ..data.texts import read_texts
    from ..loading.find import find_checkpoint
    from ..tasks import get_task
    from ..training.finetuning import check_arguments, finetune_checkpoint
    from ..training.labelled import read_labelled_data

    task, output = get_task(task_name), _output(values)
    check_arguments(task, arguments, teachers=len(teachers), unlabelled=bool(unlabelled))
    output.open()
    labelled = read_labelled_data(task, data, arguments)
    record = finetune_checkpoint(
        find_checkpoint(start),
        labelled,
        arguments,
        output=output,
        teachers=teachers,
        unlabelled=read_texts(unlabelled),
        kept_targets=soft_targets,
    )
    click.echo(f"{output.path}: {record['metric']} {record['best_on_validation']:.4f} on validation")


def _take_arguments(ctx: click.Context, kind: type[Arguments], values: dict[str, Any]) -> Arguments:
    """Return the arguments; where ``--epochs`` is given, the steps of a recipe are not for it."""
    if is_replaced(ctx, "steps", by="epochs"):
        values["steps"] = None
    return take_arguments(kind, values)


def _prepare(
    name: str | None, checkpoint: "LocalCheckpoint", arguments: PretrainingArguments, values: dict[str, Any]
) -> "TrainingMix":
    """Return the mix of the texts that are given, or of a recipe's, cut into blocks as a checkpoint reads them."""
    corpora, held_out = _choose_texts(name, values)

    from ..training.mix import prepare_mix
    from ..training.runs import open_runs

    output = values["output"]
    open_runs(output, resume=values["resume"])
    return prepare_mix(
        checkpoint,
        corpora,
        arguments,
        store=values["store"] or output.with_name(f"{output.name}.corpus"),
        replay=[CorpusPart(path=path) for path in values["replay"]],
        replay_share=values["replay_share"],
        held_out=held_out,
        held_out_share=values["held_out_share"],
    )


def _choose_texts(name: str | None, values: Mapping[str, Any]) -> tuple[list[CorpusPart], dict[str, str]]:
    """Return the corpora, and the texts that are held out by name: a recipe's, in ``--data``, if none are given.

    Raises:
        UsageError: There are no corpora, no ``--data`` where the recipe's are, or a name is given twice.
    """
    names = [*_NAMES_TAKEN, *(held_out for held_out, _ in values["held_out"])]
    if repeated := {held_out for held_out in names if names.count(held_out) > 1}:
        raise click.UsageError(
            f"expected every --held-out under another name, and not {' or '.join(_NAMES_TAKEN)}, which are held out "
            f"of the corpora; got {', '.join(sorted(repeated))}"
        )
    given = dict(values["held_out"])
    if values["corpus"]:
        return [CorpusPart(path=path, kind=values["kind"]) for path in values["corpus"]], given
    recipe = get_checkpoint(name).recipe if name else None
    if not isinstance(recipe, Continual | Distillation) or not recipe.corpora:
        raise click.UsageError("--corpus is missing: the text to train on")
    data: Path | None = values["data"]
    if data is None:
        paths = ", ".join(part.path for part in recipe.corpora)
        raise click.UsageError(f"--data is missing: the folder that holds {paths}")
    held_out = {text: str(data / path) for text, path in recipe.held_out.items()}
    return [replace(part, path=str(data / part.path)) for part in recipe.corpora], given or held_out


def _plan(mix: "TrainingMix", arguments: Arguments) -> Arguments:
    """Return the arguments with the number of steps that they take over a mix, and say it."""
    blocks = len(mix.blocks(arguments.seed))
    arguments = arguments.with_steps(blocks)
    click.echo(
        f"{blocks:,} blocks of {arguments.block} tokens, {arguments.steps:,} steps of {arguments.batch}", err=True
    )
    return arguments


def _output(values: Mapping[str, Any]) -> "RunOutput":
    from ..training.runs import RunOutput

    return RunOutput(values["output"], values["resume"], values["report_to"], values["run_name"])


def _report(output: Path, record: dict[str, Any]) -> None:
    """Print the perplexities of a training and draw its losses."""
    for corpus, perplexity in record["perplexity"].items():
        click.echo(f"{output}: perplexity {perplexity:.2f} on held-out {corpus}")

    from ..evaluation.figures import draw_losses
    from ..training.runs import is_first_process, runs_folder

    if is_first_process():
        draw_losses(record["history"], runs_folder(output) / "loss.svg")
