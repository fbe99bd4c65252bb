"""Documents from files: plain text, JSON lines, CSV and Parquet, gzipped or not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from ..documents import FIELDS
from ..errors import DataError
from .files import NOT_UTF8, STDIN, Failure, as_text, decode, find_files, open_file, suffix_of
from .tables import is_utf8, read_csv_rows, read_json_lines, read_parquet_rows


@dataclass(frozen=True)
class Document:
    """A document that was read.

    Attributes:
        id: Its id, or its place (``file:row``, or the file).
        row: Its texts by input (``text``, or ``premise`` and ``hypothesis``), and the optional inputs that it has.
    """

    id: str
    row: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Columns:
    """The columns of a table, or keys of JSON lines, that are read.

    Attributes:
        text: Column of the ``text``.
        id: Column of the id; a document without one gets its place as id.
        inputs: The texts that every document must have, such as ``text``, or ``premise`` and ``hypothesis``.
        optional: What a document may have besides, such as ``entities``; JSON lines and Parquet can hold it, CSV not.
    """

    text: str = "text"
    id: str = "id"
    inputs: tuple[str, ...] = ("text",)
    optional: tuple[str, ...] = ()

    @property
    def sources(self) -> dict[str, str]:
        """The columns of the ``inputs``, by input."""
        return {name: self.text if name == "text" else name for name in self.inputs}


def find_texts(patterns: Sequence[str]) -> list[Path | Failure]:
    """Return the files at some paths (files, globs, folders, ``-``), those of folders if they may hold notes.

    Tables in folders that an export wrote are passed over, so that annotations are not read as notes.

    Returns:
        The files, and a failure in the place of each folder and link that cannot be followed.

    Raises:
        DataError: There is no file at a path.
    """
    return find_files(patterns, lambda path: has_known_format(path) and not is_export(path), ", ".join(_READERS))


def has_known_format(path: Path) -> bool:
    """Whether the name of a file says that ``read_documents`` can read it."""
    return suffix_of(path) in _READERS


def is_export(path: Path) -> bool:
    """Whether a table has the columns, or its first line the keys, of the annotations that an export writes."""
    kind = suffix_of(path)
    if kind not in _HEADERS or not path.is_file():
        return False
    try:
        with open_file(path) as file:
            names = _HEADERS[kind](file)
    except DataError:
        return False
    if kind == ".jsonl":
        return {"id", "coverage"} <= set(names) and "text" not in names
    return any(names == ["id", *form.columns] for form in FIELDS.values())


def read_documents(files: Iterable[Path | Failure], columns: Columns = Columns()) -> Iterator[Document | Failure]:
    """Yield the documents of files, in order, one at a time; what cannot be read is a ``Failure`` in its place."""
    for path in files:
        if isinstance(path, Failure):
            yield path
            continue
        reader = _read_text if str(path) == STDIN else _READERS.get(suffix_of(path))
        if reader is None:
            yield Failure(str(path), f"unknown format {path.suffix!r}; known: {', '.join(_READERS)}")
            continue
        try:
            with open_file(path) as file:
                yield from reader(str(path), file, columns)
        except DataError as error:
            yield Failure(str(path), str(error))


def read_texts(patterns: Sequence[str], columns: Columns = Columns()) -> Iterator[str]:
    """Yield the texts of files, globs and folders.

    Raises:
        DataError: There is no file, or at the first text that cannot be read.
    """
    for item in read_documents(find_texts(patterns), columns):
        if isinstance(item, Failure):
            raise DataError(f"{item.id}: {item.message}")
        yield item.row["text"]


def _read_text(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document]:
    if columns.inputs != ("text",):
        expected = " and ".join(columns.inputs)
        raise DataError(f"plain text holds no {expected}; use JSON lines, CSV or Parquet with such columns")
    yield Document(name, {"text": decode(file.read())[0]})


def _read_jsonl(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    for number, row in read_json_lines(file):
        yield _to_document(row, f"{name}:{number}", columns, columns.optional)


def _read_csv(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    text = as_text(file)
    header, rows = read_csv_rows(text, _delimiter_of(text, columns))
    _check_columns(header, columns)
    for number, (_, row) in enumerate(rows, start=1):
        yield _to_document(row, f"{name}:{number}", columns)


def _delimiter_of(text: TextIO, columns: Columns) -> str:
    """Return the delimiter with which the header of a CSV has most of the columns, the comma before the others.

    The file is read from its beginning, and goes back to it.
    """

    def count(delimiter: str) -> int:
        try:
            header, _ = read_csv_rows(text, delimiter)
        except DataError:
            return -1
        finally:
            text.seek(0)
        return len({*columns.sources.values(), columns.id}.intersection(header))

    return max(_DELIMITERS, key=count)


def _read_parquet(name: str, file: BinaryIO, columns: Columns) -> Iterator[Document | Failure]:
    def choose(names: Sequence[str]) -> list[str]:
        _check_columns(names, columns)
        return [column for column in (*columns.sources.values(), columns.id, *columns.optional) if column in names]

    for number, row in read_parquet_rows(file, choose):
        yield _to_document(row, f"{name}:{number}", columns, columns.optional)


def _check_columns(names: Sequence[str], columns: Columns) -> None:
    """Refuse a table without the columns; the names it has are not quoted, as they may be a first row of text."""
    for column in columns.sources.values():
        if column not in names:
            if not is_utf8("".join(names)):
                raise DataError(f"its header is {NOT_UTF8}")
            raise DataError(f"no column {column!r} among its {len(names)} columns; see --text-column")
    for column in (*columns.sources.values(), columns.id, *columns.optional):
        if names.count(column) > 1:
            raise DataError(f"cannot be read: two columns are called {column!r}; rename one")


def _to_document(
    row: dict[str, Any] | str, where: str, columns: Columns, optional: Iterable[str] = ()
) -> Document | Failure:
    if isinstance(row, str):
        return Failure(where, row)
    for column in columns.sources.values():
        if not isinstance(row.get(column), str):
            return Failure(where, f"no text under {column!r}; see --text-column")
    inputs = {name: row[column] for name, column in columns.sources.items()}
    inputs |= {name: row[name] for name in optional if row.get(name) is not None}
    name = row.get(columns.id)
    is_missing = name in (None, "") or name != name  # NaN, with which pandas fills gaps
    return Document(where if is_missing else str(name), inputs)


def _parquet_names(file: BinaryIO) -> list[str]:
    names: list[str] = []

    def choose(found: Sequence[str]) -> list[str]:
        names.extend(found)
        return []

    next(read_parquet_rows(file, choose), None)
    return names


_DELIMITERS = (",", ";", "\t", "|")
_HEADERS: dict[str, Callable[[BinaryIO], list[str]]] = {
    ".jsonl": lambda file: next((list(row) for _, row in read_json_lines(file) if isinstance(row, dict)), []),
    ".csv": lambda file: read_csv_rows(as_text(file))[0],
    ".parquet": _parquet_names,
}
_READERS: dict[str, Callable[[str, BinaryIO, Columns], Iterator[Document | Failure]]] = {
    ".txt": _read_text,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
