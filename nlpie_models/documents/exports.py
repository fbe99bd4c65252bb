"""Annotations of many texts as files: JSON lines, CSV, Parquet, BRAT, HTML."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import NlpieError
from .annotation import Annotation
from .html import render_page

Named = Iterable[tuple[str, Annotation]]
_COLUMNS = ("id", "start", "end", "label", "text", "score", "assertion")
BRAT = "brat"


def format_of(path: Path) -> str:
    """Return the export format of a path: by its suffix; without one, a BRAT folder.

    Raises:
        NlpieError: No export writes this suffix.
    """
    if path.suffix in EXPORTS:
        return path.suffix
    if path.suffix == "":
        return BRAT
    raise NlpieError(f"cannot write {path.suffix!r}; use one of {', '.join(EXPORTS)}, or a folder for BRAT")


def _write_jsonl(named: Named, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for name, annotation in named:
            file.write(json.dumps({"id": name, **annotation.to_dict()}) + "\n")


def _write_csv(named: Named, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(_entity_rows(named))


def _write_parquet(named: Named, path: Path) -> None:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise NlpieError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    kinds = {"start": pyarrow.int64(), "end": pyarrow.int64(), "score": pyarrow.float32()}
    schema = pyarrow.schema([(column, kinds.get(column, pyarrow.string())) for column in _COLUMNS])
    with ParquetWriter(path, schema) as writer:
        writer.write_table(pyarrow.Table.from_pylist(list(_entity_rows(named)), schema=schema))


def _write_html(named: Named, path: Path) -> None:
    path.write_text(render_page(named), encoding="utf-8", errors="replace")


def _write_brat(named: Named, folder: Path) -> None:
    """Write a text and its stand-off annotation for each document, named by its id without path separators."""
    folder.mkdir()
    for name, annotation in named:
        stem = name.removesuffix(".txt").strip("/.").replace("/", "__").replace("\\", "__") or "text"
        if (folder / f"{stem}.ann").exists():
            raise NlpieError(f"two documents would both be written to {stem}.ann; give them distinct ids")
        (folder / f"{stem}.txt").write_bytes(annotation.text.encode("utf-8", "replace"))
        lines = (
            f"T{number}\t{entity.label} {_brat_offsets(annotation.text, entity.start, entity.end)}\t"
            f"{' '.join(entity.text.splitlines())}\n"
            for number, entity in enumerate(annotation.entities, start=1)
        )
        (folder / f"{stem}.ann").write_text("".join(lines), encoding="utf-8", errors="replace")


def _brat_offsets(text: str, start: int, end: int) -> str:
    """BRAT writes a span over several lines as one fragment a line."""
    fragments, at = [], start
    for line in text[start:end].splitlines(keepends=True):
        length = len(line.rstrip("\r\n"))
        if length:
            fragments.append(f"{at} {at + length}")
        at += len(line)
    return ";".join(fragments)


def _entity_rows(named: Named) -> Iterator[dict[str, Any]]:
    for name, annotation in named:
        for entity in annotation.to_dict().get("entities", []):
            yield {"id": name, **entity}


EXPORTS: dict[str, Callable[[Named, Path], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".html": _write_html,
    BRAT: _write_brat,
}
