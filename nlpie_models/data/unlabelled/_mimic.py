"""The tables of notes of the MIMIC releases: CSV, gzipped or not, with quoted line breaks in the notes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ..files import Failure, as_text, open_file
from ..tables import BROKEN, read_csv_rows
from ._corpus import NOT_CHOSEN, CorpusSource, Note

NO_TEXT = "no text"
MARKED_AS_ERROR = "marked as an error by a clinician (ISERROR)"


@dataclass(frozen=True)
class NoteTable:
    """The columns of a release's table, in lower case; a file may write them otherwise.

    Attributes:
        id: Column of the note's id.
        group: Column of the patient's id.
        text: Column of the text.
        category: Column of the kind of note.
        error: Column that is 1 for a note written in error; None if the release has none.
        id_form: Form of an id; a row with another is what is left of a broken one.
    """

    id: str
    group: str
    text: str
    category: str
    error: str | None
    id_form: re.Pattern[str]

    def read(self, path: Path, source: CorpusSource) -> Iterator[Note | Failure]:
        """Yield the notes of a file; what is left out comes as a ``Failure`` in its place.

        Raises:
            DataError: The file cannot be read, or lacks a column.
        """
        with open_file(path) as file:
            header, rows = read_csv_rows(as_text(file))
            names = self._find_columns(header)
            for line, row in rows:
                where = f"{path}:{line}"
                if isinstance(row, str):
                    yield Failure(where, row)
                else:
                    cells = {column: row[name] for column, name in names.items()}
                    yield self._read_row(cells, source.categories, where)

    def _find_columns(self, header: Sequence[str]) -> dict[str, str]:
        """Return the file's name of every column; the error quotes no header, as it may be a first row of text."""
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
    """Return a test of paths: whether a file is one of these tables, gzipped or not, in whatever case."""
    return lambda path: path.name.lower() in {f"{name}{suffix}" for name in names for suffix in (".csv", ".csv.gz")}
