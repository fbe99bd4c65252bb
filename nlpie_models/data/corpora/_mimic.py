"""The tables of notes of the MIMIC releases: CSV with quoted line breaks in the notes, gzipped or not."""

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..csv_rows import BROKEN, read_csv_rows
from ..documents import Failure
from ._corpus import NOT_CHOSEN, Note, Source

NO_TEXT = "no text"
MARKED_AS_ERROR = "marked as an error by a clinician (ISERROR)"


@dataclass(frozen=True)
class Table:
    """Columns of a release, in lower case; a file may write them otherwise.

    Attributes:
        id: Of the note.
        group: Of the patient.
        text: Of the text.
        category: Of the kind of note.
        error: That says 1 of a note written in error, if the release has one.
        id_form: What an id looks like; a row with another is what is left of a broken one.
    """

    id: str
    group: str
    text: str
    category: str
    error: str | None
    id_form: re.Pattern[str]

    def read(self, path: Path, source: Source) -> Iterator[Note | Failure]:
        """Read a file.

        Raises:
            DataError: It has not the columns.
        """
        names: dict[str, str] = {}
        opened: Callable[..., Any] = gzip.open if path.suffix.lower() == ".gz" else open
        with opened(path, "rb") as file:
            for line, row in read_csv_rows(file, lambda header: names.update(self._find_columns(header))):
                where = f"{path}:{line}"
                if isinstance(row, str):
                    yield Failure(where, row)
                else:
                    cells = {column: row[name] for column, name in names.items()}
                    yield self._read_row(cells, source.categories, where)

    def _find_columns(self, header: Sequence[str]) -> dict[str, str]:
        """Return the file's name of each column; the header is not quoted, as it may be a first row of text."""
        found = {name.strip().lower(): name for name in header}
        for column in (self.id, self.group, self.text, self.category):
            if column not in found:
                raise DataError(f"no column {column!r} among its {len(header)} columns")
        return found

    def _read_row(self, cells: dict[str, str], categories: Sequence[str], where: str) -> Note | Failure:
        if not self.id_form.fullmatch(cells[self.id]):
            return Failure(where, BROKEN)
        if self.error and cells.get(self.error, "").strip() in ("1", "1.0"):
            return Failure(where, MARKED_AS_ERROR)
        if categories and cells[self.category].strip() not in categories:
            return Failure(where, NOT_CHOSEN)
        if not cells[self.text].strip():
            return Failure(where, NO_TEXT)
        return Note(cells[self.id], cells[self.text], cells[self.group])


def fits(*names: str) -> Callable[[Path], bool]:
    """Return whether a file is one of these tables, gzipped or not, in whatever case."""
    return lambda path: path.name.lower() in {f"{name}{suffix}" for name in names for suffix in (".csv", ".csv.gz")}
