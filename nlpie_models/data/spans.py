"""Labelled spans from the uniform JSON-lines layout: ``text`` and ``entities`` [{start, end, label}] a line."""

import gzip
import json
import tomllib
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError

Span = tuple[int, int, str]


@dataclass(frozen=True)
class SpanDocument:
    """A text with its gold spans (start, end, label), which do not overlap."""

    id: str
    text: str
    spans: tuple[Span, ...]


def read_span_documents(
    folder: Path, split: str, labels: Mapping[str, str] | None = None, *, prefer: Collection[str] = ()
) -> list[SpanDocument]:
    """Read ``folder/<split>.jsonl[.gz]``.

    Args:
        folder: Folder of the data set.
        split: ``train``, ``validation`` or ``test``.
        labels: Source label to target label; labels not in it are left out. None keeps all as they are.
        prefer: Labels that win over others where spans overlap.

    Returns:
        Documents whose spans are mapped first and then freed of overlap, the preferred or else the longest staying.

    Raises:
        DataError: No such file, a line that is not in the layout, or no span left by ``labels``.
    """
    documents = []
    path = find_split(folder, split)
    for where, row in read_rows(path):
        try:
            spans = [(entity["start"], entity["end"], entity["label"]) for entity in row["entities"]]
            text = row["text"]
        except (KeyError, TypeError) as error:
            raise DataError(f"{where}: expected text and entities with start, end and label; missing {error}") from None
        if any(not 0 <= start < end <= len(text) for start, end, _ in spans):
            raise DataError(f"{where}: an entity lies outside the text")
        kept = [(s, e, labels[label] if labels else label) for s, e, label in spans if not labels or label in labels]
        documents.append(SpanDocument(str(row.get("id", where)), text, resolve_overlaps(kept, prefer)))
    if not any(document.spans for document in documents):
        raise DataError(f"{path}: no entity has one of the labels {', '.join(labels or ())}")
    return documents


def resolve_overlaps(spans: Iterable[Span], prefer: Collection[str] = ()) -> tuple[Span, ...]:
    """Keep the longest of spans that overlap (preferred labels first), the first of equals; return them in order."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span[2] not in prefer, span[0] - span[1], span[0])):
        if all(span[1] <= start or span[0] >= end for start, end, _ in kept):
            kept.append(span)
    return tuple(sorted(kept))


def spans_of_words(words: np.ndarray, spans: Iterable[Span]) -> list[tuple[int, int, str]]:
    """Turn character spans into spans of the words that they touch (first, one past last, label)."""
    found = []
    for start, end, label in spans:
        first = int(np.searchsorted(words[:, 1], start, side="right"))
        stop = int(np.searchsorted(words[:, 0], end, side="left"))
        if stop > first:
            found.append((first, stop, label))
    return found


def read_label_map(name: str) -> dict[str, str]:
    """Read a TOML of target labels, each with the list of its source labels, into source label -> target label.

    Args:
        name: A file, or the name of one of the maps in ``label_maps/``, such as ``maccrobat2020``.

    Raises:
        DataError: Not such a file, or a source label under two targets.
    """
    bundled = Path(__file__).parent / "label_maps"
    path = Path(name) if name.endswith(".toml") else bundled / f"{name}.toml"
    if not path.exists():
        raise DataError(
            f"no label map {name!r}: give a .toml file or one of {', '.join(file.stem for file in bundled.glob('*'))}"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))["labels"]
        pairs = [(source, target) for target, sources in table.items() for source in sources]
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: expected a TOML with a table [labels] of lists: {error}") from error
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise DataError(f"{path}: a source label stands under two targets")
    return mapping


def find_split(folder: Path, split: str) -> Path:
    """Return the file of a split.

    Raises:
        DataError: There is none; lists the splits that there are.
    """
    for suffix in (".jsonl.gz", ".jsonl"):
        if (path := folder / f"{split}{suffix}").exists():
            return path
    splits = sorted(path.name.split(".")[0] for path in folder.glob("*.jsonl*"))
    raise DataError(f"{folder} has no {split}.jsonl[.gz]; splits there: {', '.join(splits) or 'none'}")


def read_rows(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Read JSON lines with where they stand (``file:line``).

    Raises:
        DataError: A line that is not a JSON object, or a damaged file.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield f"{path}:{number}", _parse_row(line, f"{path}:{number}")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}:{number + 1}: cannot be read: {error}") from error


def _parse_row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not a JSON line ({error.msg})") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected a JSON object")
    return row
