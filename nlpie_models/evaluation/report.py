"""Results files as Markdown tables, kept between markers in a document."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import DataError
from .results import read_results

_START, _END = "<!-- results: {} -->", "<!-- end of results -->"


def render_ner_table(files: Iterable[Path]) -> str:
    """Return one line a checkpoint, data set and split: strict P, R, F1 with its 95% interval, and F1 per label."""
    rows = [(content["checkpoint"], row) for content in map(read_results, sorted(files)) for row in content["results"]]
    rows = [(name, row) for name, row in rows if row["task"] == "ner"]
    labels = sorted({label for _, row in rows for label in row["scores"]} - {"micro"})
    heads = ["checkpoint", "data", "split", "seed", "P", "R", "F1", "95%", *(f"F1 {label}" for label in labels)]
    lines = [heads, ["---"] * 3 + ["---:"] * (len(heads) - 3)]
    lines += [_cells(name, row, labels) for name, row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def replace_table(text: str, kind: str, table: str) -> str:
    """Put a table between a Markdown text's markers for it.

    Raises:
        DataError: The text has no such markers.
    """
    start = _START.format(kind)
    pattern = re.compile(f"({re.escape(start)}\n).*?({re.escape(_END)})", re.DOTALL)
    new, found = pattern.subn(lambda match: match[1] + table + match[2], text)
    if not found:
        raise DataError(f"expected lines {start!r} and {_END!r} to put the table between, and found none")
    return new


def _cells(name: str, row: dict[str, Any], labels: list[str]) -> list[str]:
    micro = row["scores"]["micro"]
    return [
        name,
        row["dataset"],
        row["split"],
        str(row["seed"]),
        *(f"{micro[key]:.3f}" for key in ("precision", "recall", "f1")),
        "{:.3f} to {:.3f}".format(*row["f1_interval"]),
        *(f"{row['scores'][label]['f1']:.3f}" if label in row["scores"] else "" for label in labels),
    ]
