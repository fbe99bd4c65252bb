"""``nlpie train``."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..registry import Recipe, get_checkpoint
from ._errors import FriendlyCommand, FriendlyGroup
from .corpus_options import RECIPE_KEYS, CorpusOptions, corpus_options
from .options import TASK_OPTION


def _recipe_of(name: str | None) -> Recipe | None:
    return get_checkpoint(name).recipe if name else None


def _take_continual_recipe(ctx: click.Context, _: click.Parameter, name: str | None) -> str | None:
    """Let the recipe of a checkpoint say what the options are by default."""
    recipe = _recipe_of(name)
    if name and (recipe is None or recipe.kind != "continual"):
        raise click.BadParameter(f"{name} was not made by continual learning; give --start and --corpus instead")
    if recipe:
        _set_defaults(ctx, recipe, {"start": recipe.student}, "head_steps", "head_learning_rate")
    return name


def _take_distillation_recipe(ctx: click.Context, _: click.Parameter, name: str | None) -> str | None:
    """The same for a student."""
    recipe = _recipe_of(name)
    if name and (recipe is None or recipe.student_form is None):
        raise click.BadParameter(f"{name} was not made so; give --teacher, --student, --objective and --corpus instead")
    if recipe:
        own = {
            "student": recipe.student_form,
            "student_options": tuple(recipe.student_options.items()),
            "objective_options": tuple(recipe.objective_options.items()),
        }
        _set_defaults(ctx, recipe, own, "teacher", "objective")
    return name


def _set_defaults(ctx: click.Context, recipe: Recipe, own: dict[str, Any], *more: str) -> None:
    values = {option: getattr(recipe, option) for option in (*RECIPE_KEYS, *more)} | own
    ctx.default_map = {option: value for option, value in values.items() if value is not None}


@click.group(cls=FriendlyGroup)
def train() -> None:
    """Train checkpoints; see also the scripts in `recipes/`."""


@train.command("continue", cls=FriendlyCommand, context_settings={"show_default": True})
@click.argument("name", required=False, is_eager=True, callback=_take_continual_recipe)
@click.option("--start", help="Checkpoint to start from, a folder or a name, in the place of NAME's.")
@corpus_options
@click.option("--head-steps", default=0, help="Steps in which a new head is trained alone before.")
@click.option("--head-learning-rate", default=1e-3, help="Their peak rate.")
@click.option("--anchor", help="Encoder whose sentence vectors are to be kept, such as the start; none by default.")
@click.pass_context
def continue_command(
    ctx: click.Context,
    name: str | None,
    start: str | None,
    head_steps: int,
    head_learning_rate: float,
    anchor: str | None,
    **shared: Any,
) -> None:
    """Train a masked language model further on clinical text (continual learning).

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
    given = _read_options(ctx, shared)

    from ..checkpoint_files import find_checkpoint
    from ..tasks import get_task
    from ..training.continual import continue_pretraining

    checkpoint = find_checkpoint(start, get_task("embedding"), None)
    anchored_to = find_checkpoint(anchor, get_task("embedding"), None) if anchor else None
    mix = given.prepare(_recipe_of(name), checkpoint)
    record = continue_pretraining(
        checkpoint,
        mix,
        output=given.output,
        arguments=given.plan(mix),
        head_steps=head_steps,
        head_learning_rate=head_learning_rate,
        anchor=anchored_to,
        whole_words=given.whole_words,
        resume=given.resume,
    )
    _say(given.output, record)


@train.command("distill", cls=FriendlyCommand, context_settings={"show_default": True})
@click.argument("name", required=False, is_eager=True, callback=_take_distillation_recipe)
@click.option("--teacher", help="Checkpoint to learn from, a folder or a name, in the place of NAME's.")
@click.option("--student", help="layers, pruned, new or minialbert to make one of the teacher; or a checkpoint of one.")
@click.option(
    "-S", "--student-option", "student_options", type=TASK_OPTION, multiple=True, help="NAME=VALUE, such as every=2."
)
@click.option("--objective", help="distilbert, tinybert, layerwise, minilm, sentence or task.")
@click.option(
    "-O", "--objective-option", "objective_options", type=TASK_OPTION, multiple=True, help="NAME=VALUE, such as mlm=1."
)
@click.option("--teacher-bf16", is_flag=True, help="Keep and run the teacher in bfloat16.")
@corpus_options
@click.pass_context
def distill_command(
    ctx: click.Context,
    name: str | None,
    teacher: str | None,
    student: str | None,
    student_options: tuple[tuple[str, Any], ...],
    objective: str | None,
    objective_options: tuple[tuple[str, Any], ...],
    teacher_bf16: bool,
    **shared: Any,
) -> None:
    """Train a small masked language model beside a larger one (distillation).

    \b
    nlpie train distill --teacher my-base --student layers -S every=2 --objective distilbert \\
        --corpus notes/ --output my-small
    nlpie train distill --teacher my-base --student pruned -S layers=[0,1,2,5] -S hidden=312 -S feed_forward=1200 \\
        --objective minilm --corpus notes/ --output my-tiny
    nlpie train distill --teacher my-base --student minialbert -S embedding=128 --objective layerwise ...
    nlpie train distill distil-clinicalbert --data MIMIC-III/ --output again

    With NAME, what its recipe says (`nlpie show NAME`) is done, unless an option says otherwise; another --student or
    --objective comes without the options of NAME's. Text is treated as by `nlpie train continue`; the student's
    perplexity, and each part of the objective, are logged to OUTPUT.runs/log.jsonl. Stop it whenever you like and go on
    with --resume.
    """
    for option, value in (("--teacher", teacher), ("--student", student), ("--objective", objective)):
        if value is None:
            raise click.UsageError(f"{option} is missing; see --help")
    given = _read_options(ctx, shared)

    from ..checkpoint_files import find_checkpoint
    from ..tasks import get_task
    from ..training.distilling import Method, distil

    checkpoint = find_checkpoint(teacher, get_task("embedding"), None)
    mix = given.prepare(_recipe_of(name), checkpoint)
    record = distil(
        checkpoint,
        Method(
            str(objective),
            str(student),
            {} if _replaced(ctx, "objective") else dict(objective_options),
            {} if _replaced(ctx, "student") else dict(student_options),
            teacher_bf16,
        ),
        mix,
        output=given.output,
        arguments=given.plan(mix),
        block=given.block,
        whole_words=given.whole_words,
        resume=given.resume,
    )
    _say(given.output, record)


def _read_options(ctx: click.Context, shared: dict[str, Any]) -> CorpusOptions:
    """Return the shared options; where ``--epochs`` is given, a recipe's steps are not for it."""
    source = ctx.get_parameter_source
    if source("epochs") is ParameterSource.COMMANDLINE and source("steps") is ParameterSource.DEFAULT_MAP:
        shared["steps"] = None
    return CorpusOptions(**shared)


def _replaced(ctx: click.Context, kind: str) -> bool:
    """Whether a recipe's student or objective gave way to another, so that the recipe's options are not for it."""
    source = ctx.get_parameter_source
    return source(kind) is ParameterSource.COMMANDLINE and source(f"{kind}_options") is ParameterSource.DEFAULT_MAP


def _say(output: Path, record: dict[str, Any]) -> None:
    for corpus, perplexity in record["perplexity"].items():
        click.echo(f"{output}: perplexity {perplexity:.2f} on held-out {corpus}")
