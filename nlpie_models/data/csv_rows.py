"""The rows of a CSV as RFC 4180 has it, one at a time; a row whose quoting is broken does not take the next ones along.

A quote that is never closed would make one cell of all that follows. Read strictly, it is found out at the next quote,
or at ``LONGEST`` characters; reading goes on at the line after the one where the broken row began.
"""

import csv
import io
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TextIO

from ..errors import DataError

LONGEST = 2**27
"""Characters that a row may have."""

BROKEN = "not CSV: broken quoting, or another number of cells than the header has"
NOT_UTF8 = "not UTF-8; convert the file, for example with `iconv -t utf-8`"


def read_csv_rows(
    file: BinaryIO, check_header: Callable[[Sequence[str]], None]
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Give each row with the line where it begins: its cells by column, or what is wrong with it.

    What is left of a broken row, line by line, counts as part of it.

    Args:
        file: The CSV in UTF-8.
        check_header: Refuses a header, with a DataError.

    Raises:
        DataError: The header is not CSV, or refused.
    """
    csv.field_size_limit(sys.maxsize)
    records = _read_records(io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline=""))
    _, header = next(records, (1, []))
    if header is None:
        raise DataError("its header is not CSV: a quote is not closed")
    check_header(header)
    in_broken = False
    for line, cells in records:
        if cells is None or len(cells) != len(header):
            if not in_broken:
                yield line, BROKEN
            in_broken = True
            continue
        in_broken = False
        yield line, dict(zip(header, cells, strict=True)) if all(map(_is_utf8, cells)) else NOT_UTF8


def _read_records(file: TextIO) -> Iterator[tuple[int, list[str] | None]]:
    """Give each record that is not blank with the line where it begins; None for one that is not CSV."""
    lines = _Lines(file)
    while True:
        try:
            for cells in csv.reader(lines, strict=True):
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
        """Take the lines given so far as done and return the number of their first."""
        first = self._line
        self._line += len(self._given)
        self._given.clear()
        self._size = 0
        return first

    def go_back(self) -> int:
        """Give all but the first of these lines again, and return the number of the first."""
        self._again.extendleft(reversed(self._given[1:]))
        del self._given[1:]
        return self.forget()


def _is_utf8(cell: str) -> bool:
    try:
        return cell.isascii() or bool(cell.encode())
    except UnicodeEncodeError:
        return False
