"""The ``nlpie`` command: a table of commands, each of which is imported when it is called."""

import click

from .._version import __version__
from .groups import CommandTable, FriendlyCommand

__all__ = ["FriendlyCommand", "main"]

SECTIONS = {
    "Use": {
        "list": ("checkpoints:list_command", "List the checkpoints: names, tasks, sizes."),
        "show": ("checkpoints:show", "Show all that is known of one checkpoint."),
        "demo": ("demo:demo", "Annotate the example texts in the package."),
        "annotate": ("annotate:annotate", "Annotate files and folders of texts."),
        "bundle": ("bundle:bundle", "Carry a checkpoint to a place without a network."),
    },
    "Make": {
        "data": ("data:data", "Prepare labelled data, and publish it."),
        "train": ("train:train", "Train a checkpoint: continue, distill, finetune."),
        "evaluate": ("evaluate:evaluate", "Score checkpoints on labelled data."),
        "compare": ("compare:compare", "Compare checkpoints by their results."),
        "forgetting": ("compare:forgetting", "Measure what a training made a checkpoint forget."),
        "benchmark": ("benchmark:benchmark", "Measure the time and memory of a checkpoint and of this package."),
        "convert": ("checkpoints:convert", "Rewrite a checkpoint's folder as safetensors."),
    },
    "Maintain": {
        "report": ("report:report", "Write the tables of all results into a document."),
        "card": ("card:card", "Write the cards of checkpoints, or check them."),
        "release": ("release:release", "Check checkpoints and push them to the Hub."),
    },
}
"""For each section of the help, its commands: where each is, and what it does."""


@click.group(cls=CommandTable, sections=SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compact clinical language models, offline, on a CPU.

    \b
    nlpie demo                                  what the package does, on example notes
    nlpie annotate notes/ -o entities.jsonl     entities of every note in a folder
    nlpie list                                  the checkpoints there are
    nlpie show distil-65m                       all about one of them
    """
