"""The ``nlpie`` command: one file per group, heavy imports inside the commands, errors turned to text here."""

import click

from .._version import __version__
from ._errors import FriendlyCommand, FriendlyGroup
from .annotate import annotate
from .benchmark import benchmark
from .bundle import bundle
from .card import card
from .checkpoints import convert, list_command, pin, show
from .data import data
from .evaluate import evaluate
from .forgetting import forgetting
from .release import release
from .train import train


@click.group(cls=FriendlyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compact clinical language models, offline, on a CPU.

    \b
    nlpie annotate notes/ -o entities.jsonl     entities of every note in a folder
    nlpie list                                  the checkpoints there are
    nlpie show distil-65m                       all about one of them
    """


__all__ = ["FriendlyCommand", "main"]

COMMANDS = (
    annotate,
    benchmark,
    bundle,
    card,
    convert,
    data,
    evaluate,
    forgetting,
    list_command,
    pin,
    release,
    show,
    train,
)
for command in COMMANDS:
    main.add_command(command)
