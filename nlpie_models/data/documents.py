"""Unlabelled documents from files: plain text, JSON lines, CSV, Parquet; each may be gzipped but Parquet."""

import csv
import glob
import gzip
import io
import json
import sys
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
        opened: Any = gzip.open if path.suffix == ".gz" else open
        yield from _read_one(str(path), partial(opened, path, "rb"), reader, columns)


def _read_one(name: str, opened: Callable[[], Any], reader: "Reader", columns: Columns) -> Iterator[Document | Failure]:
    try:
        with opened() as file:
            yield from reader(name, file, columns)
    except UnicodeDecodeError as error:
        yield Failure(name, f"not UTF-8 at byte {error.start}; convert it, for example with `iconv -t utf-8`")
    except (OSError, EOFError, csv.Error, DataError) as error:
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
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            yield Failure(where, f"not a JSON line ({getattr(error, 'msg', 'not UTF-8')})")
            continue
        yield _row_document(row if isinstance(row, dict) else {}, where, columns)


def _read_csv(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    csv.field_size_limit(sys.maxsize)
    rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    for number, row in enumerate(rows, start=1):
        yield _row_document(row, f"{name}:{number}", columns)


def _read_parquet(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    try:
        table = ParquetFile(file)
    except ArrowException as error:
        raise DataError(str(error).splitlines()[0]) from error
    wanted = [column for column in (columns.text, columns.id) if column in table.schema_arrow.names]
    number = 0
    for batch in table.iter_batches(batch_size=64, columns=wanted):
        for row in batch.to_pylist():
            number += 1
            yield _row_document(row, f"{name}:{number}", columns)


def _row_document(row: dict[str, Any], where: str, columns: Columns) -> Document | Failure:
    text = row.get(columns.text)
    if not isinstance(text, str):
        found = ", ".join(map(str, row)) or "none"
        return Failure(where, f"no text in column {columns.text!r} (columns: {found}); see --text-column")
    return Document(str(row.get(columns.id) or where), text)


def _format_of(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


Reader = Callable[[str, BinaryIO, Columns], Iterator[Document | Failure]]
_READERS: dict[str, Reader] = {
    ".txt": _read_text,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
