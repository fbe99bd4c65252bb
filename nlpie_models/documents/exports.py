"""Annotations of many texts as files: JSON lines, CSV, Parquet, BRAT, HTML."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..errors import NlpieError
from .annotation import Annotation, Entity
from .html import render_page
from .tables import TABLES, Table, encodable, table_of

Named = Iterable[tuple[str, Annotation]]
BRAT = "brat"
_STEM_BYTES = 200  # a file system takes names of 255 bytes, of which a number and the suffix need some


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
        table, named = _peek_table(named)
        writer = csv.DictWriter(file, ["id", *table.columns])
        writer.writeheader()
        writer.writerows(_rows(named, table))


def _write_parquet(named: Named, path: Path) -> None:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise NlpieError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    kinds = {
        "text": pyarrow.string(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float32(),
        "truth": pyarrow.bool_(),
        "vector": pyarrow.list_(pyarrow.float32()),
    }
    table, named = _peek_table(named)
    schema = pyarrow.schema([("id", pyarrow.string()), *((name, kinds[kind]) for name, kind in table.columns.items())])
    with ParquetWriter(path, schema) as writer:
        rows = _rows(named, table)
        while chunk := list(islice(rows, 10_000)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))


def _write_html(named: Named, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(render_page(named))


def _write_brat(named: Named, folder: Path) -> None:
    """Write a text and its stand-off annotation for each document, named by its id as far as a file can be."""
    folder.mkdir()
    taken: Counter[str] = Counter()
    for name, annotation in named:
        stem = _free_stem(name, taken)
        (folder / f"{stem}.txt").write_bytes(encodable(annotation.text).encode("utf-8"))
        (folder / f"{stem}.ann").write_text("".join(_brat_lines(annotation)), encoding="utf-8")


def _free_stem(name: str, taken: Counter[str]) -> str:
    """Return a file name without its suffix for an id, another than those taken; capitals do not tell names apart.

    Args:
        name: The id.
        taken: How often each name, in small letters, has been asked for.
    """
    plain = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", encodable(name).removesuffix(".txt").strip("/."))
    parted = re.sub(r"[/\\]", "__", plain).encode("utf-8")
    stem = free = parted[:_STEM_BYTES].decode("utf-8", "ignore") or "text"
    while free.lower() in taken:
        taken[stem.lower()] += 1
        free = f"{stem}-{taken[stem.lower()]}"
    taken[free.lower()] = 1
    return free


def _brat_lines(annotation: Annotation) -> Iterator[str]:
    """Return text-bound annotations, their assertions as attributes, and relations between them."""
    numbers = {entity: f"T{number}" for number, entity in enumerate(annotation.entities, start=1)}
    for entity, number in numbers.items():
        yield f"{number}\t{_brat_name(entity.label)} {_brat_span(entity)}\n"
    asserted = [(number, entity.assertion) for entity, number in numbers.items() if entity.assertion]
    for index, (number, assertion) in enumerate(asserted, start=1):
        yield f"A{index}\tAssertion {number} {assertion}\n"
    for index, relation in enumerate(annotation.relations, start=1):
        ends = f"Arg1:{numbers[relation.head]} Arg2:{numbers[relation.tail]}"
        yield f"R{index}\t{_brat_name(relation.label)} {ends}\n"


def _brat_span(entity: Entity) -> str:
    """Return offsets and text; BRAT writes a span over several lines as one fragment a line."""
    found = [match.span() for match in re.finditer(r"[^\r\n\t]+", entity.text)]
    offsets = ";".join(f"{entity.start + start} {entity.start + end}" for start, end in found)
    return f"{offsets}\t{' '.join(encodable(entity.text[start:end]) for start, end in found)}"


def _brat_name(label: str) -> str:
    """Return a label as a BRAT type, which holds no blanks."""
    return re.sub(r"\s+", "_", label)


def _peek_table(named: Named) -> tuple[Table, Named]:
    """Return the table of the first annotation, and all of them; that of entities if there is none."""
    named = iter(named)
    first = list(islice(named, 1))
    return table_of(first[0][1]) if first else TABLES["entities"], chain(first, named)


def _rows(named: Named, table: Table) -> Iterator[dict[str, Any]]:
    return ({"id": encodable(name), **row} for name, annotation in named for row in table.rows(annotation))


EXPORTS: dict[str, Callable[[Named, Path], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".html": _write_html,
    BRAT: _write_brat,
}
