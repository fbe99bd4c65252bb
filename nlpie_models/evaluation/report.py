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
    rows = [(name, row) for name, row in _rows(files) if row["task"] == "ner" and "baselines" not in row]
    labels = sorted({label for _, row in rows for label in row["scores"]["labels"]})
    heads = ["checkpoint", "data", "split", "seed", "P", "R", "F1", "95%", *(f"F1 {label}" for label in labels)]
    return _table(heads, 3, [_ner_cells(name, row, labels) for name, row in rows])


def render_task_table(files: Iterable[Path]) -> str:
    """Return one line a fine-tuned checkpoint, data set and split: its score beside those of the baselines."""
    rows = [(name, row) for name, row in _rows(files) if "baselines" in row]
    heads = ["task", "data", "split", "checkpoint", "metric", "score", "95%", "TF-IDF + LR", "majority", "beats both"]
    return _table(heads, 5, [_task_cells(name, row) for name, row in sorted(rows, key=lambda item: item[1]["task"])])


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


def _rows(files: Iterable[Path]) -> list[tuple[str, dict[str, Any]]]:
    return [(content["checkpoint"], row) for content in map(read_results, sorted(files)) for row in content["results"]]


def _table(heads: list[str], left: int, rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * left + ["---:"] * (len(heads) - left), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _ner_cells(name: str, row: dict[str, Any], labels: list[str]) -> list[str]:
    scores = row["scores"]
    return [
        name,
        row["dataset"],
        row["split"],
        str(row["seed"]),
        *(f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")),
        "{:.3f} to {:.3f}".format(*row["interval"]),
        *(f"{scores['labels'][label]['f1']:.3f}" if label in scores["labels"] else "" for label in labels),
    ]


def _task_cells(name: str, row: dict[str, Any]) -> list[str]:
    metric = row["metric"]
    score = row["scores"][metric]
    baselines = {name: scores[metric] for name, scores in row["baselines"].items()}
    low, high = row["interval"]
    best = max(baselines.values())
    beaten = "yes" if low > best else "**no**" if score <= best else "not surely"
    return [
        row["task"],
        row["dataset"],
        row["split"],
        name,
        metric.replace("_", " "),
        f"{score:.3f}",
        f"{low:.3f} to {high:.3f}",
        *(f"{baselines[name]:.3f}" if name in baselines else "" for name in ("tfidf-lr", "majority")),
        beaten,
    ]
