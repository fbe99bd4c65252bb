"""Unlabelled documents from files: plain text, JSON lines, CSV, Parquet; each may be gzipped but Parquet."""

import csv
import glob
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError

STDIN = "-"


@dataclass(frozen=True)
class Document:
    """A text with a name that says where it came from."""

    id: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """A document or file that could not be read, and why; never quotes the text."""

    id: str
    message: str


@dataclass(frozen=True)
class Columns:
    """The columns of a table that hold the text and, if any, its id."""

    text: str = "text"
    id: str = "id"


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Expand files, globs and folders (searched for the known formats) into a sorted list without repetitions.

    Raises:
        DataError: A pattern that matches nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if pattern == STDIN or path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = sorted(file for file in path.rglob("*") if file.is_file() and _format_of(file) in _READERS)
        else:
            matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True) if Path(match).is_file())
        if not matches:
            raise DataError(f"nothing to read at {pattern!r}: no such file, or no {', '.join(_READERS)} file in it")
        found.update(dict.fromkeys(matches))
    return list(found)


def read_documents(files: Sequence[Path], columns: Columns = Columns()) -> Iterator[Document | Failure]:
    """Read the documents of files in order; what cannot be read becomes a ``Failure`` and the rest goes on."""
    for path in files:
        if str(path) == STDIN:
            yield from _read_one(STDIN, lambda: sys.stdin.buffer, _read_text, columns)
            continue
        reader = _READERS.get(_format_of(path))
        if reader is None:
            yield Failure(str(path), f"unknown format {path.suffix!r}; known: {', '.join(_READERS)}")
            continue
        opened: Any = gzip.open if path.suffix.lower() == ".gz" else open
        yield from _read_one(str(path), partial(opened, path, "rb"), reader, columns)


def read_texts(patterns: Sequence[str], columns: Columns = Columns()) -> Iterator[str]:
    """Read the texts of files, globs and folders.

    Raises:
        DataError: At the first that cannot be read, or if there is none.
    """
    for item in read_documents(find_files(patterns), columns):
        if isinstance(item, Failure):
            raise DataError(f"{item.id}: {item.message}")
        yield item.text


def _read_one(name: str, opened: Callable[[], Any], reader: "Reader", columns: Columns) -> Iterator[Document | Failure]:
    try:
        with opened() as file:
            yield from reader(name, file, columns)
    except UnicodeDecodeError as error:
        yield Failure(name, f"not UTF-8 at byte {error.start}; convert it, for example with `iconv -t utf-8`")
    except (OSError, EOFError, zlib.error, csv.Error, DataError) as error:
        yield Failure(name, f"cannot be read: {getattr(error, 'strerror', None) or error}")


def _read_text(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    yield Document(name, file.read().decode("utf-8-sig"))


def _read_jsonl(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    for number, line in enumerate(file, start=1):
        where = f"{name}:{number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            yield Failure(where, "not a JSON line in UTF-8")
            continue
        if not isinstance(row, dict) or not isinstance(row.get(columns.text), str):
            yield Failure(where, f"no text under {columns.text!r}; see --text-column")
            continue
        yield _row_document(row, where, columns)


def _read_csv(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    csv.field_size_limit(sys.maxsize)
    rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    _check_column(rows.fieldnames or [], columns)
    for number, row in enumerate(rows, start=1):
        if row[columns.text] is None:
            yield Failure(f"{name}:{number}", f"the row ends before column {columns.text!r}")
        else:
            yield _row_document(row, f"{name}:{number}", columns)


def _read_parquet(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    number = 0
    try:
        table = ParquetFile(file)
        names = table.schema_arrow.names
        _check_column(names, columns)
        wanted = [column for column in (columns.text, columns.id) if column in names]
        for batch in table.iter_batches(batch_size=64, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                if isinstance(row[columns.text], str):
                    yield _row_document(row, f"{name}:{number}", columns)
                else:
                    yield Failure(f"{name}:{number}", f"no text in column {columns.text!r}")
    except ArrowException as error:
        raise DataError(str(error).splitlines()[0]) from error


def _check_column(names: Sequence[str], columns: Columns) -> None:
    """Refuse a table without the text column; its other names are not quoted, as they may be a first row of text."""
    if columns.text not in names:
        raise DataError(f"no column {columns.text!r} among its {len(names)} columns; see --text-column")


def _row_document(row: dict[str, Any], where: str, columns: Columns) -> Document:
    name = row.get(columns.id)
    return Document(where if name in (None, "") else str(name), row[columns.text])


def _format_of(path: Path) -> str:
    """Return the suffix that tells the format: lower-cased, that of a gzip file's content within it."""
    return (Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix).lower()


Reader = Callable[[str, BinaryIO, Columns], Iterator[Document | Failure]]
_READERS: dict[str, Reader] = {
    ".txt": _read_text,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
