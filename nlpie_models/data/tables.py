"""The rows of JSON lines, CSV, Parquet and Excel, one at a time; a broken row does not take the next ones along."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from zipfile import BadZipFile

from ..errors import DataError
from .files import NOT_UTF8, decode

Rows = Iterator[tuple[int, dict[str, Any] | str]]
"""Rows with their numbers, from 1: the values by column, or a text that says what is wrong with the row."""
LONGEST = 2**27
"""Most characters in a row of a CSV: what is longer has a quote that is never closed."""
BROKEN = "not CSV: broken quoting, or another number of cells than the header has"


def read_json_lines(lines: Iterable[bytes | str]) -> Rows:
    """Yield the objects of the lines that are not blank, with the numbers of the lines."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _read_object(line)


def _read_object(line: bytes | str) -> dict[str, Any] | str:
    try:
        row = json.loads(line if isinstance(line, str) else decode(line)[0], object_pairs_hook=_unique)
    except DataError:
        return NOT_UTF8
    except (ValueError, RecursionError) as error:
        return f"not a JSON line ({getattr(error, 'msg', 'nested too deeply, or a number that is too long')})"
    return row if isinstance(row, dict) else "expected a JSON object"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise json.JSONDecodeError("a key is given twice", "", 0)
    return values


def read_csv_rows(file: TextIO, delimiter: str = ",") -> tuple[list[str], Rows]:
    """Return the header of a CSV as RFC 4180 has it, and its rows with the numbers of the lines where they begin.

    A quote that is never closed would make one cell of all that follows. Read strictly, it shows at the next quote, or
    at ``LONGEST`` characters; reading goes on at the line after the one where the broken row began. What is left of a
    broken row, line by line, counts as part of it.

    Args:
        file: The CSV, opened with ``newline=""``; see ``files.as_text``.
        delimiter: The character between cells.

    Raises:
        DataError: The header is not CSV.
    """
    csv.field_size_limit(max(LONGEST, csv.field_size_limit()))
    records = _read_records(file, delimiter)
    _, header = next(records, (1, []))
    if header is None:
        raise DataError("its header is not CSV: a quote is not closed")
    return header, _read_rows(records, header)


def _read_rows(records: Iterable[tuple[int, list[str] | None]], header: list[str]) -> Rows:
    in_broken = False
    for line, cells in records:
        if cells is None or len(cells) != len(header):
            if not in_broken:
                yield line, BROKEN
            in_broken = True
            continue
        in_broken = False
        yield line, dict(zip(header, cells, strict=True)) if all(map(is_utf8, cells)) else NOT_UTF8


def _read_records(file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the cells of every record that is not blank, None if it is not CSV, with the line where it begins."""
    lines = _Lines(file)
    while True:
        try:
            for cells in csv.reader(lines, delimiter=delimiter, strict=True):
                line = lines.forget()
                if cells:
                    yield line, cells
            return
        except csv.Error:
            yield lines.go_back(), None


class _Lines:
    """The lines of a file; those that were given since the last call of ``forget`` can be given again."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._given: list[str] = []
        self._again: deque[str] = deque()
        self._size = 0
        self._line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._file.readline(LONGEST)
        if not line:
            raise StopIteration
        self._given.append(line)
        self._size += len(line)
        if self._size > LONGEST:
            raise csv.Error("a row that is longer than any note")
        return line

    def forget(self) -> int:
        """Forget the lines given so far, which cannot be given again, and return the number of the first of them."""
        first = self._line
        self._line += len(self._given)
        self._given.clear()
        self._size = 0
        return first

    def go_back(self) -> int:
        """Let all but the first of the lines given so far be given again, and return the number of the first."""
        self._again.extendleft(reversed(self._given[1:]))
        del self._given[1:]
        return self.forget()


def is_utf8(cell: str) -> bool:
    """Whether a text holds no half of a surrogate pair, as which ``files.as_text`` keeps other bytes."""
    try:
        return cell.isascii() or bool(cell.encode())
    except UnicodeEncodeError:
        return False


def read_parquet_rows(file: BinaryIO, choose: Callable[[Sequence[str]], Sequence[str]]) -> Rows:
    """Yield the rows of a Parquet file.

    Args:
        file: The file.
        choose: Takes the names of the columns and returns those to read; it may refuse the file with a DataError.

    Raises:
        DataError: The file is not Parquet, or pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    number = 0
    try:
        table = ParquetFile(file)
        for batch in table.iter_batches(batch_size=64, columns=choose(table.schema_arrow.names)):
            for row in batch.to_pylist():
                number += 1
                yield number, _decoded(row)
    except ArrowException as error:
        raise DataError(f"cannot be read: {str(error).splitlines()[0]}") from error


def _decoded(row: dict[str, Any]) -> dict[str, Any] | str:
    """Return a row with text for bytes, as which Hive, Impala and early Spark write text."""
    try:
        return {name: decode(value)[0] if isinstance(value, bytes) else value for name, value in row.items()}
    except DataError:
        return NOT_UTF8


def read_sheet_rows(path: Path) -> tuple[list[str], Rows]:
    """Return the header and the rows of the first sheet of an Excel workbook, every value as text.

    Raises:
        DataError: The file is no workbook, or its reader is not installed.
    """
    try:
        import pandas

        table = pandas.read_excel(path, header=None, dtype=str, keep_default_na=False, engine="openpyxl")
    except ImportError:
        raise DataError("a workbook needs `pip install nlpie-models[excel]`, or save the sheet as CSV") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(f"not a workbook that can be read ({type(error).__name__})") from None
    header, *rows = table.fillna("").values.tolist() or [[]]
    return header, ((number, dict(zip(header, row, strict=True))) for number, row in enumerate(rows, start=2))
