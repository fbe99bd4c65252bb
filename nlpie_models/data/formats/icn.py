"""ICN, cancer in clinicians' free text (Rohanian et al., 2023, https://doi.org/10.1017/S1351324923000542).

Read from the published sheet (.xlsx, .csv or .tsv) of anonymised ISARIC terms: a column of free text and one of the
class. The source documents neither the names of its columns nor those of its classes, so they are looked up under the
names that such sheets use, or named by ``--column``; a class that speaks of malignancy is ``malignant``, one that says
so is ``ambiguous``, and all else, blank included, is ``other``. Texts that differ in case or white space only become
one row with the majority's class (the first of equals). The source gives no split: a fifth of the texts is test, and a
tenth of the others validation, by hash.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import BadZipFile

from ...errors import DataError
from ._files import read_text
from ._format import Format, Item, Prepared, Source
from ._splitting import HELD_OUT, assemble, hold_out

_NAMES = {
    "text": ("free text", "free text term", "text", "term", "terms", "clinical term", "reported term", "verbatim term",
             "verbatim", "saterm"),
    "label": ("class", "label", "category", "controlled term", "standardised term", "standardized term", "samodify"),
}  # fmt: skip
_TEST = 0.2
_ORIGIN = "by SHA-256 of the text: a fifth is test, a tenth of the rest validation"


def _read(source: Source) -> list[Prepared]:
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    texts: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    path = _find_sheet(source.path)
    for text, label in _read_pairs(path, source):
        key = " ".join(text.casefold().split())
        if not key:
            dropped["rows without a text"] += 1
            continue
        if key in texts:
            dropped["repetitions of a text, merged"] += 1
        texts.setdefault(key, " ".join(text.split()))
        votes[key][_class_of(label)] += 1
    rows = [
        {"id": f"icn-{number}", "text": texts[key], "label": classes.most_common(1)[0][0]}
        for number, (key, classes) in enumerate(votes.items())
    ]
    if not any(row["label"] == "malignant" for row in rows):
        raise DataError(f"{path}:1: expected a column of classes that names malignant ones; see --column label=NAME")
    rest, test = hold_out([Item(row["text"], [row]) for row in rows], _TEST)
    train, validation = hold_out(rest, HELD_OUT)
    splits = {"train": train, "validation": validation, "test": test}
    return [assemble(source, "icn", "classification", splits, dropped, origin=_ORIGIN)]


def _find_sheet(path: Path) -> Path:
    if path.is_file():
        return path
    sheets = sorted(file for file in path.iterdir() if file.suffix.lower() in (".xlsx", ".csv", ".tsv"))
    if len(sheets) != 1:
        raise DataError(f"{path}: expected one .xlsx, .csv or .tsv, found {len(sheets)}; name the file")
    return sheets[0]


def _read_pairs(path: Path, source: Source) -> Iterator[tuple[str, str]]:
    """Give the text and the class of each row."""
    table = _read_workbook(path) if path.suffix.lower() == ".xlsx" else _read_delimited(path, source.notes)
    _, header = next(table, (1, []))
    text, label = (_find_column(header, field, source.columns, path) for field in ("text", "label"))
    for number, row in table:
        if len(row) != len(header):
            raise DataError(f"{path}:{number}: expected {len(header)} cells as in the header, got {len(row)}")
        yield row[text], row[label]


def _read_delimited(path: Path, notes: Counter[str]) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that are not blank with the numbers of their last lines."""
    rows = csv.reader(
        io.StringIO(read_text(path, notes)), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
    )
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}: not CSV: {error}") from None


def _read_workbook(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give the rows of the first sheet with their numbers."""
    try:
        import pandas

        table = pandas.read_excel(path, header=None, dtype=str, keep_default_na=False, engine="openpyxl")
    except ImportError:
        raise DataError(f"{path}: .xlsx needs `pip install nlpie-models[excel]`, or save the sheet as CSV") from None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(f"{path}:1: not a sheet that can be read ({type(error).__name__})") from None
    yield from enumerate(table.fillna("").values.tolist(), start=1)


def _find_column(header: list[str], field: str, columns: Mapping[str, str], path: Path) -> int:
    """Return the index of a field's column; the header is not quoted, as it may be a first row of text."""
    names = [_plain(name) for name in header]
    wanted = [_plain(columns[field])] if field in columns else _NAMES[field]
    for name in wanted:
        if name in names:
            return names.index(name)
    known = ", ".join(map(repr, wanted))
    raise DataError(f"{path}:1: expected a column called {known}; see --column {field}=NAME")


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))


def _class_of(label: str) -> str:
    plain = _plain(label)
    if "ambiguous" in plain:
        return "ambiguous"
    benign = re.search(r"\b(non|not|benign)\b", plain)
    return "malignant" if "malignan" in plain and not benign else "other"


FORMAT = Format("icn", "ICN: cancer in free-text terms (.xlsx, .csv)", _read, columns=("text", "label"))
