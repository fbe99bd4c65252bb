"""Labelled sources become sets on disk, with a receipt that says what became of the source."""

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import DataError
from ..util.files import check_absent, write_whole
from .labelled import Format, LabelledSource, PreparedSet, Split
from .rows import LabelledRow

RECEIPT = "receipt.json"


@dataclass(frozen=True)
class WrittenSet:
    """A set on disk: its folder and its receipt."""

    folder: Path
    receipt: Mapping[str, Any]


def prepare(form: Format, source: LabelledSource, destination: Path, *, overwrite: bool = False) -> list[WrittenSet]:
    """Read a source and write its sets: ``destination/<set>/<split>.jsonl.gz``, and ``receipt.json`` beside.

    The same source always makes the same bytes. A set is written whole or not at all, and none if the source is broken.

    Args:
        form: The format of the source.
        source: What to read.
        destination: The folder that gets a folder for every set.
        overwrite: Replace sets that exist.

    Raises:
        DataError: The source is absent or broken, the format has no such column, or a set would replace the source.
        NlpieError: A set exists and is not to be overwritten.
    """
    if not source.path.exists():
        raise DataError(f"{source.path}: no such file or folder")
    if unknown := sorted(set(source.columns) - set(form.columns)):
        known = ", ".join(form.columns) or "none"
        raise DataError(f"{form.name} has no column {unknown[0]!r} to be named; it has: {known}")
    sets = form.read(source)
    folders = {entry.name: destination / entry.name for entry in sets}
    for folder in folders.values():
        if source.path.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{folder} holds the source; choose another destination")
        check_absent(folder, overwrite=overwrite)
    written = []
    for entry in sets:
        receipt = _make_receipt(form, source, entry)
        with write_whole(folders[entry.name], overwrite=overwrite) as folder:
            folder.mkdir()
            for name, split in entry.splits.items():
                write_rows(folder / f"{name}.jsonl.gz", split.rows)
            (folder / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
        written.append(WrittenSet(folders[entry.name], receipt))
    return written


def write_rows(path: Path, rows: Sequence[LabelledRow]) -> None:
    """Write rows as gzipped JSON lines; the same rows always make the same bytes."""
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        file.writelines((json.dumps(row) + "\n").encode("ascii") for row in rows)


def _make_receipt(form: Format, source: LabelledSource, entry: PreparedSet) -> dict[str, Any]:
    """Return what became of a source, JSON-ready: counts and labels, never its text."""
    return {
        "set": entry.name,
        "task": entry.task,
        "format": form.name,
        "source": source.path.name,
        "made_by": f"nlpie-models {__version__}",
        "splits": {name: _describe(split) for name, split in entry.splits.items()},
        "dropped": dict(sorted(entry.dropped.items())),
        "notes": dict(sorted(source.notes.items())),
    }


def _describe(split: Split) -> dict[str, Any]:
    counts: dict[str, Any] = {"origin": split.origin, "documents": split.documents}
    if split.sentences is not None:
        counts["sentences"] = split.sentences
    return {**counts, "rows": len(split.rows), "labels": dict(sorted(_label_frequencies(split.rows).items()))}


def _label_frequencies(rows: Sequence[LabelledRow]) -> Counter[str]:
    """Return how often the rows have a label: of every entity in ner, of every row elsewhere."""
    counts: Counter[str] = Counter()
    for row in rows:
        if "entities" in row:
            counts.update(entity["label"] for entity in row["entities"])
        elif "labels" in row:
            counts.update(row["labels"])
        elif "label" in row:
            counts[row["label"]] += 1
    return counts
