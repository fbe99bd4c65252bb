"""ICN, cancer in clinicians' free text (Rohanian et al., 2023, https://doi.org/10.1017/S1351324923000542).

Read from the published sheet (.xlsx, .csv or .tsv) of anonymised ISARIC terms: a column of free text and one of the
class. The source documents neither the names of its columns nor those of its classes: columns are looked up under the
names that such sheets use, or named by ``--column``; a class whose name speaks of malignancy becomes ``malignant``, of
ambiguity ``ambiguous``, and any other, blank included, ``other``. Texts that differ only in case or white space become
one row with the class that most of them have (the first of equals). The source has no splits: a fifth of the texts
becomes test, and a tenth of the others validation, by hash.
"""

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import DataError
from ..tables import read_csv_rows, read_sheet_rows
from ._files import read_text
from ._format import HELD_OUT, DocumentRows, Format, LabelledSource, PreparedSet, assemble, hold_out

_NAMES = {
    "text": ("free text", "free text term", "text", "term", "terms", "clinical term", "reported term", "verbatim term",
             "verbatim", "saterm"),
    "label": ("class", "label", "category", "controlled term", "standardised term", "standardized term", "samodify"),
}  # fmt: skip
_TEST = 0.2
_ORIGIN = "by SHA-256 of the text: a fifth is test, a tenth of the rest validation"


def _read(source: LabelledSource) -> list[PreparedSet]:
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
    rest, test = hold_out([DocumentRows(row["text"], [row]) for row in rows], _TEST)
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


def _read_pairs(path: Path, source: LabelledSource) -> Iterator[tuple[str, str]]:
    """Yield the text and the class of every row."""
    try:
        if path.suffix.lower() == ".xlsx":
            header, rows = read_sheet_rows(path)
        else:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            header, rows = read_csv_rows(io.StringIO(read_text(path, source.notes)), delimiter)
        text, label = (_find_column(header, field, source.columns) for field in ("text", "label"))
    except DataError as error:
        raise DataError(f"{path}:1: {error}") from error
    for number, row in rows:
        if isinstance(row, str):
            raise DataError(f"{path}:{number}: {row}")
        yield row[text], row[label]


def _find_column(header: Sequence[str], field: str, columns: Mapping[str, str]) -> str:
    """Return the name of a field's column; the error does not quote the header, which may be a first row of text."""
    names = {_plain(name): name for name in reversed(header)}
    known = [_plain(columns[field])] if field in columns else _NAMES[field]
    for name in known:
        if name in names:
            return names[name]
    raise DataError(f"expected a column called {', '.join(map(repr, known))}; see --column {field}=NAME")


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))


def _class_of(label: str) -> str:
    plain = _plain(label)
    if "ambiguous" in plain:
        return "ambiguous"
    benign = re.search(r"\b(non|not|benign)\b", plain)
    return "malignant" if "malignan" in plain and not benign else "other"


FORMAT = Format("icn", "ICN: cancer in free-text terms (.xlsx, .csv)", _read, columns=("text", "label"))
