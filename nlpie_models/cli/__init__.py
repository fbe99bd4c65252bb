"""The ``nlpie`` command: one file per group, heavy imports inside the commands, errors turned to text here."""

from typing import Any

import click

from .._version import __version__
from ..errors import NlpieError
from .annotate import annotate
from .checkpoints import convert, list_command, pin, show
from .evaluate import evaluate


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (NlpieError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    r"""Compact clinical language models, offline, on a CPU.

    \b
    nlpie annotate notes/ -o entities.jsonl     entities of every note in a folder
    nlpie list                                  the checkpoints there are
    nlpie show distil-65m                       all about one of them
    """


for command in (annotate, convert, evaluate, list_command, pin, show):
    main.add_command(command)
