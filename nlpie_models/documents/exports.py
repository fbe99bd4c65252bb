"""Annotations of many texts as files: JSON lines, CSV, Parquet, BRAT, HTML."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import NlpieError
from .annotation import Annotation, Entity
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
    if path.name and not path.suffix:
        return BRAT
    raise NlpieError(f"cannot write to {str(path)!r}; use one of {', '.join(EXPORTS)}, or a folder for BRAT")


def json_line(name: str, annotation: Annotation) -> str:
    """Return a text's annotations as one line of JSON, under its name."""
    return json.dumps({"id": name, **annotation.to_dict()})


def _write_jsonl(named: Named, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json_line(name, annotation) + "\n" for name, annotation in named)


def _write_csv(named: Named, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(row for name, annotation in named for row in _entity_rows(name, annotation))


def _write_parquet(named: Named, path: Path) -> None:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise NlpieError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    kinds = {"start": pyarrow.int64(), "end": pyarrow.int64(), "score": pyarrow.float32()}
    schema = pyarrow.schema([(column, kinds.get(column, pyarrow.string())) for column in _COLUMNS])
    with ParquetWriter(path, schema) as writer:
        rows = (row for name, annotation in named for row in _entity_rows(name, annotation))
        while chunk := list(islice(rows, 10_000)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))


def _write_html(named: Named, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(render_page(named))


def _write_brat(named: Named, folder: Path) -> None:
    """Write a text and its stand-off annotation for each document, named by its id without path separators."""
    folder.mkdir()
    taken: Counter[str] = Counter()
    for name, annotation in named:
        stem = name.removesuffix(".txt").strip("/.").replace("/", "__").replace("\\", "__") or "text"
        taken[stem] += 1
        if taken[stem] > 1:
            stem = f"{stem}-{taken[stem]}"
        (folder / f"{stem}.txt").write_bytes(_encodable(annotation.text).encode("utf-8"))
        lines = (_brat_line(number, entity) for number, entity in enumerate(annotation.entities, start=1))
        (folder / f"{stem}.ann").write_text("".join(lines), encoding="utf-8")


def _brat_line(number: int, entity: Entity) -> str:
    """Return a text-bound annotation; BRAT writes a span over several lines as one fragment a line."""
    found = [match.span() for match in re.finditer(r"[^\r\n\t]+", entity.text)]
    offsets = ";".join(f"{entity.start + start} {entity.start + end}" for start, end in found)
    text = " ".join(_encodable(entity.text[start:end]) for start, end in found)
    return f"T{number}\t{entity.label} {offsets}\t{text}\n"


def _entity_rows(name: str, annotation: Annotation) -> Iterator[dict[str, Any]]:
    for entity in annotation.entities:
        yield {"id": name, **asdict(entity), "text": _encodable(entity.text)}


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no file in UTF-8 can hold, one for one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


EXPORTS: dict[str, Callable[[Named, Path], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".html": _write_html,
    BRAT: _write_brat,
}
