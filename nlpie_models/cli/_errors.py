"""The one place where our errors become the command line's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..errors import NlpieError

_MISSING = (
    '{module} is not installed; run `pip install "nlpie-models[train]"` to train, [eval] to evaluate and [release] '
    "to publish"
)


class FriendlyCommand(click.Command):
    """A command that ends with one line of text, and exit code 1, on an error that the user can mend."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _in_one_line():
            return super().invoke(ctx)


class FriendlyGroup(FriendlyCommand, click.Group):
    """The same for a group of commands."""


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except (NlpieError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(__package__.partition(".")[0]):
            raise
        raise click.ClickException(_MISSING.format(module=error.name)) from error
