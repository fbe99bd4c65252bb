"""Commands that turn this package's errors and warnings into one line of text each, and groups of them."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import click

from ..errors import NlpieError

_MISSING = (
    '{module} is not installed; run `pip install "nlpie-models[train]"` to train, [eval] to evaluate and [release] '
    "to publish"
)


class FriendlyCommand(click.Command):
    """A command that ends with one line of text, and exit code 1, on an error that the user can correct."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _in_one_line():
            return super().invoke(ctx)


class FriendlyGroup(FriendlyCommand, click.Group):
    """A group of such commands, whose help shows the first line of each command's help, however long it is."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, (command.help or "").partition("\n")[0]) for name, command in self.commands.items()]
            )


class CommandTable(FriendlyGroup):
    """A group whose commands are rows of a table, and whose modules are imported when they are called.

    Args:
        *args: Arguments of the group.
        sections: For each section of the help, its commands: by name, where the command is (``module:attribute`` in
            this package) and what it does.
        **kwargs: Arguments of the group.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Mapping[str, tuple[str, str]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in self._sections.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for commands in self._sections.values():
            if cmd_name in commands:
                module, _, attribute = commands[cmd_name][0].partition(":")
                return getattr(import_module(f".{module}", __package__), attribute)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for section, commands in self._sections.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), summary) for name, (_, summary) in commands.items()])


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = partial(_show_warning, warnings.showwarning)
            yield
    except BrokenPipeError:  # the reader has seen enough; click ends quietly
        raise
    except (NlpieError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        module = _missing_module(error)
        if module.startswith(__package__.partition(".")[0]):
            raise
        raise click.ClickException(_MISSING.format(module=module)) from error


def _show_warning(show: Callable[..., None], message: Warning | str, category: type[Warning], *place: Any) -> None:
    """Show what is meant for a user in one line, and other warnings as ``show`` does."""
    if category is UserWarning:
        click.echo(f"Warning: {message}", err=True)
    else:
        show(message, category, *place)


def _missing_module(error: BaseException | None) -> str:
    """Return the name of the missing module; transformers raises an error without it from one that has it."""
    if not isinstance(error, ModuleNotFoundError):
        return "a module"
    return error.name or _missing_module(error.__cause__ or error.__context__)
