"""The options of the trainings: one for each hyper-parameter, and those that the three commands share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from ..recipes import Recipe
from ..registry import Checkpoint, get_checkpoint
from .options import TASK_OPTION

Arguments = TypeVar("Arguments")
Command = Callable[..., Any]
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_RUN_OPTIONS = (
    click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write."),
    click.option("--resume", is_flag=True, help="Go on from the last state that was saved."),
    click.option("--report-to", multiple=True, help="Tracker to report to, such as tensorboard or wandb; repeatable."),
    click.option("--run-name", help="Name of the run at the trackers."),
)


def run_options(command: Command) -> Command:
    """Give a command the options of every training; their values make a ``RunOutput``."""
    return _decorate(command, _RUN_OPTIONS)


def argument_options(arguments: type) -> Callable[[Command], Command]:
    """Return a decorator that adds an option to a command for each field of an arguments class."""
    types = get_type_hints(arguments)

    def decorate(command: Command) -> Command:
        return _decorate(command, [_option(item, types[item.name]) for item in fields(arguments)])

    return decorate


def take_arguments(arguments: type[Arguments], values: dict[str, Any]) -> Arguments:
    """Return the arguments that a command got as options, and take them out of its values."""
    taken = {item.name: values.pop(item.name) for item in fields(arguments)}  # type: ignore[arg-type]
    return arguments(**{name: dict(value) if isinstance(value, tuple) else value for name, value in taken.items()})


def _decorate(command: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    for option in reversed(list(options)):
        command = option(command)
    return command


def _option(item: Field[Any], expected: Any) -> Callable[[Command], Command]:
    """Return the option of a hyper-parameter, whose annotation is ``expected``."""
    flags = item.metadata["flags"] or (f"--{item.name.replace('_', '-')}",)
    kind = get_args(expected)[0] if NoneType in get_args(expected) else expected
    settings: dict[str, Any] = {"help": item.metadata["help"], "default": item.default}
    if item.default is MISSING and item.default_factory is MISSING:
        settings = {"help": item.metadata["help"], "required": True}
    if get_origin(kind) is dict:
        settings |= {"type": TASK_OPTION, "multiple": True, "default": ()}
    elif get_origin(kind) is Literal:
        settings["type"] = click.Choice(get_args(kind))
    elif kind is int and item.metadata["minimum"] is not None:
        settings["type"] = click.IntRange(min=item.metadata["minimum"])
    elif kind is bool:
        settings["is_flag"] = True
    else:
        settings["type"] = kind
    return click.option(*flags, item.name, **settings)


def take_recipe(
    recipe: type[Recipe], *, instead: str
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return the callback of an argument NAME: the recipe of that checkpoint says what the options are by default.

    Args:
        recipe: The kind of recipe that the command can repeat.
        instead: The options to give in the place of a name.
    """

    def take(ctx: click.Context, _: click.Parameter, name: str | None) -> str | None:
        if name is not None:
            ctx.default_map = _defaults(get_checkpoint(name), recipe, instead)
        return name

    return take


def _defaults(row: Checkpoint, kind: type[Recipe], instead: str) -> dict[str, Any]:
    """Return the value of each option that a recipe states.

    Raises:
        BadParameter: The checkpoint has no recipe of this kind.
    """
    recipe = row.recipe
    if recipe is None or not isinstance(recipe, kind):
        raise click.BadParameter(f"{row.name} was made otherwise; give {instead} in its place")
    named = {"task_name": row.tasks[0], "start": recipe.start, "teacher": getattr(recipe, "teacher", None)}
    return {
        name: tuple(value.items()) if isinstance(value, Mapping) else value
        for name, value in (named | recipe.arguments).items()
        if value is not None
    }


def is_replaced(ctx: click.Context, option: str, by: str) -> bool:
    """Whether an option is given on the command line, so that what a recipe says of another is not for it."""
    source = ctx.get_parameter_source
    return source(by) is ParameterSource.COMMANDLINE and source(option) is ParameterSource.DEFAULT_MAP
