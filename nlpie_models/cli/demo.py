"""``nlpie demo``."""

from contextlib import chdir
from pathlib import Path
from typing import Any

import click

from ..data.demo import DEMO_FOLDER
from .annotate import annotate

DEMOS: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
    ("Entities of whole notes", {"inputs": ("notes",), "assertion": True}, ("notes.jsonl", "notes.html")),
    (
        "Relations between the entities of a passage",
        {"inputs": ("passages.jsonl",), "task": "relation"},
        ("relations.csv",),
    ),
    ("Does a note entail a statement?", {"inputs": ("statements.jsonl",), "task": "nli"}, ("statements.csv",)),
    ("Which terms name a cancer?", {"inputs": ("terms.jsonl",), "task": "classification"}, ("terms.csv",)),
)
"""A title, what ``nlpie annotate`` is called with, and the files that it writes."""


@click.command()
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to.")
@click.pass_context
def demo(ctx: click.Context, output: Path | None) -> None:
    """Annotate the example texts that ship in the package, with the checkpoints that ship in it.

    \b
    nlpie demo               show the results
    nlpie demo -o results    also write them as JSON lines, HTML and CSV
    """
    folder = output.resolve() if output else None
    with chdir(DEMO_FOLDER):
        for title, arguments, names in DEMOS:
            click.secho(f"{title}\n", bold=True, underline=True)
            outputs = [folder / name for name in names] if folder else []
            ctx.invoke(annotate, **arguments, outputs=outputs, show=True, overwrite=True)
