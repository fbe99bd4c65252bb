"""The one place where our errors become the command line's."""

from typing import Any

import click

from ..errors import NlpieError


class FriendlyCommand(click.Command):
    """A command that ends with one line of text, and exit code 1, on an error that the user can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (NlpieError, OSError) as error:
            raise click.ClickException(str(error)) from error


class FriendlyGroup(FriendlyCommand, click.Group):
    """The same for a group of commands."""
