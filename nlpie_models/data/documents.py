"""Unlabelled documents from files: plain text, JSON lines, CSV, Parquet; each may be gzipped but Parquet."""

import glob
import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError
from .csv_rows import read_csv_rows

STDIN = "-"


@dataclass(frozen=True)
class Document:
    """What a file says of one document: its texts, and a name that says where it came from."""

    id: str
    row: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Failure:
    """A document or file that could not be read, and why; never quotes the text."""

    id: str
    message: str


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are read.

    Attributes:
        text: Column of the ``text``.
        id: Column of the id, if there is one.
        inputs: The texts that a document must have, such as ``text``, or ``premise`` and ``hypothesis``.
        more: What else it may have, such as ``entities``; only JSON lines and Parquet can hold it.
    """

    text: str = "text"
    id: str = "id"
    inputs: tuple[str, ...] = ("text",)
    more: tuple[str, ...] = ()

    @property
    def sources(self) -> dict[str, str]:
        """The column of each input."""
        return {name: self.text if name == "text" else name for name in self.inputs}


def find_files(patterns: Sequence[str], fits: Callable[[Path], bool] | None = None, kind: str = "") -> list[Path]:
    """Expand files, globs and folders into a sorted list without repetitions.

    Args:
        patterns: The files, globs and folders.
        fits: Whether a file in a folder is one; by default, if it is of a known format.
        kind: What such files are called, for the error.

    Raises:
        DataError: A pattern that matches nothing.
    """
    fits, kind = fits or _is_known, kind or ", ".join(_READERS)
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if pattern == STDIN or path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = sorted(file for file in path.rglob("*") if file.is_file() and fits(file))
        else:
            matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True) if Path(match).is_file())
        if not matches:
            raise DataError(f"nothing to read at {pattern!r}: no such file, or no {kind} file in it")
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
        yield item.row["text"]


def _read_one(name: str, opened: Callable[[], Any], reader: "Reader", columns: Columns) -> Iterator[Document | Failure]:
    try:
        with opened() as file:
            yield from reader(name, file, columns)
    except UnicodeDecodeError as error:
        yield Failure(name, f"not UTF-8 at byte {error.start}; convert it, for example with `iconv -t utf-8`")
    except (OSError, EOFError, zlib.error, DataError) as error:
        yield Failure(name, f"cannot be read: {getattr(error, 'strerror', None) or error}")


def _read_text(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    if columns.inputs != ("text",):
        wanted = " and ".join(columns.inputs)
        raise DataError(f"plain text holds no {wanted}; give JSON lines, CSV or Parquet with such columns")
    yield Document(name, {"text": file.read().decode("utf-8-sig")})


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
        yield _row_document(row if isinstance(row, dict) else {}, where, columns)


def _read_csv(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    rows = read_csv_rows(file, partial(_check_column, columns=columns))
    for number, (_, row) in enumerate(rows, start=1):
        where = f"{name}:{number}"
        yield Failure(where, row) if isinstance(row, str) else _row_document(row, where, replace(columns, more=()))


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
        wanted = [column for column in (*columns.sources.values(), columns.id, *columns.more) if column in names]
        for batch in table.iter_batches(batch_size=64, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield _row_document(row, f"{name}:{number}", columns)
    except ArrowException as error:
        raise DataError(str(error).splitlines()[0]) from error


def _check_column(names: Sequence[str], columns: Columns) -> None:
    """Refuse a table without its columns; its other names are not quoted, as they may be a first row of text."""
    for column in columns.sources.values():
        if column not in names:
            raise DataError(f"no column {column!r} among its {len(names)} columns; see --text-column")


def _row_document(row: dict[str, Any], where: str, columns: Columns) -> Document | Failure:
    for column in columns.sources.values():
        if not isinstance(row.get(column), str):
            return Failure(where, f"no text under {column!r}; see --text-column")
    texts = {name: row[column] for name, column in columns.sources.items()}
    more = {name: row[name] for name in columns.more if row.get(name) is not None}
    name = row.get(columns.id)
    return Document(where if name in (None, "") else str(name), {**texts, **more})


def _is_known(path: Path) -> bool:
    return _format_of(path) in _READERS


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
