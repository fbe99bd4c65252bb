"""The files of a labelled release: which there are, which split they belong to, and their text.

A file that is not UTF-8 is read as cp1252, or as latin-1 if it has a byte that cp1252 lacks, and counted: a user cannot
repair the archive of a release, and its spans show whether the text is right. Line ends become LF, as in XML, so that a
release makes the same rows however it was unpacked. Offsets that count CRLF as two characters are mapped by the format
that has them.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..files import decode, list_folder, open_file, whole
from ..rows import LabelledRow
from ..tables import read_json_lines
from ._format import LabelledSource

_UNNAMED = ""
_FALLBACKS = ("cp1252", "latin-1")
_SPLITS = {
    "validation": re.compile(r"(?<![a-z])(?i:(dev(el(op(ment)?)?)?|val(id(ation)?)?)(set)?(?![a-z]))"),
    "test": re.compile(r"(?<![a-z])(?i:test(ing)?(set)?(?![a-z]))"),
    "train": re.compile(r"(?<![a-z])(?i:train(ing)?(set)?(?![a-z]))"),
}


def find_by_split(
    source: LabelledSource,
    suffixes: Collection[str],
    hints: Mapping[str, str] | None = None,
    *,
    documents: bool = False,
) -> dict[str, list[Path]]:
    """Return the files with these suffixes by split, which follows from the names of their folders, or their own.

    Args:
        source: A folder, searched with its subfolders, or one file.
        suffixes: Such as ``.xml``, in lower case.
        hints: Splits by the parts of names that mean them, besides train, dev and test.
        documents: Whether a file is called after its document, as ``stress test.txt``: the names of files then say a
            split only if all of them do.

    Returns:
        The files by split. Those without a split are train; if others are called so, they are left out, and noted.

    Raises:
        DataError: There is no such file, or the one file has another suffix.
    """
    ends, hints = tuple(suffixes), hints or {}
    if source.path.is_file():
        if not source.path.name.lower().endswith(ends):
            raise DataError(f"{source.path}: expected a folder, or a {' or '.join(sorted(suffixes))} file")
        return {_split_of(source.path.name, hints) or "train": [source.path]}
    found = whole(list_folder(source.path, lambda path: path.name.lower().endswith(ends)))
    if not found:
        raise DataError(f"{source.path}: expected {' or '.join(sorted(suffixes))} files; unpack archives first")
    parts = {path: path.relative_to(source.path).parts for path in found}
    splits = {path: _split_in(parts[path], hints) for path in found}
    if documents and not all(splits.values()):
        splits = {path: _split_in(parts[path][:-1], hints) for path in found}
    by_split: dict[str, list[Path]] = {}
    for path, split in splits.items():
        by_split.setdefault(split or _UNNAMED, []).append(path)
    unnamed = by_split.pop(_UNNAMED, [])
    if unnamed and "train" in by_split:
        source.notes["files in no train, dev or test folder, left out"] += len(unnamed)
    elif unnamed:
        by_split["train"] = unnamed
    return by_split


def _split_in(parts: Iterable[str], hints: Mapping[str, str]) -> str | None:
    return next((split for part in parts if (split := _split_of(part, hints))), None)


def _split_of(name: str, hints: Mapping[str, str]) -> str | None:
    hinted = (split for hint, split in hints.items() if hint in name.lower())
    return next(hinted, None) or next((split for split, pattern in _SPLITS.items() if pattern.search(name)), None)


def read_raw(path: Path, notes: Counter[str]) -> str:
    """Return the text of a file, gzipped or not, with its line ends as they are.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with open_file(path) as file:
            content = file.read()
    except DataError as error:
        raise DataError(f"{path}:1: {error}") from error
    text, encoding = decode(content, _FALLBACKS)
    if content.startswith(b"\xef\xbb\xbf"):
        notes["files with a byte-order mark, taken off"] += 1
    if encoding != "utf-8":
        notes[f"files not in UTF-8, read as {encoding}"] += 1
    if "\r" in text:
        notes["files with CR in their line ends, which became LF"] += 1
    return text


def with_lf(raw: str) -> str:
    """Return a text with LF as its only line end."""
    return raw.replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path, notes: Counter[str]) -> str:
    """Return the text of a file with LF as its only line end."""
    return with_lf(read_raw(path, notes))


def read_lines(path: Path, notes: Counter[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file with their places (``file:line``)."""
    for number, line in enumerate(read_text(path, notes).split("\n"), start=1):
        yield f"{path}:{number}", line


def read_objects(path: Path, notes: Counter[str]) -> Iterator[tuple[str, LabelledRow]]:
    """Yield the objects of a file of JSON lines with their places (``file:line``).

    Raises:
        DataError: A line is not a JSON object, or holds half of a surrogate pair, which no file can hold as text.
    """
    for number, row in read_json_lines(read_text(path, notes).split("\n")):
        where = f"{path}:{number}"
        if isinstance(row, str):
            raise DataError(f"{where}: {row}")
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError(f"{where}: expected characters, got half of a surrogate pair") from None
        yield where, row


def take_label(value: Any, where: str) -> str:
    """Return a value as a label, without blanks at its ends.

    Raises:
        DataError: The value is no short line of text. It is not quoted, as it may be another column: a note.
    """
    if isinstance(value, bool | int):
        value = json.dumps(value)
    if not isinstance(value, str) or not value.strip() or len(value) > 60 or not value.isprintable():
        raise DataError(f"{where}: expected a label, a short line of text")
    return value.strip()


def take_text(value: Any, field: str, where: str) -> str:
    """Return a value as a text that is not empty.

    Raises:
        DataError: It is none.
    """
    if not isinstance(value, str) or not value:
        raise DataError(f"{where}: expected text under {field!r}")
    return value


def take_list(value: Any, field: str, where: str) -> list[Any]:
    """Return a value as a list.

    Raises:
        DataError: It is none.
    """
    if not isinstance(value, list):
        raise DataError(f"{where}: expected a list under {field!r}")
    return value


def take_span(value: Any, text: str, label: str, where: str) -> LabelledRow:
    """Return a value as a span of a text: ``start``, ``end``, and its label under the name that ``label`` says.

    Args:
        value: A mapping with these names, or ``[start, end, label]``.
        text: The text.
        label: The name of the label.
        where: ``file:line``.

    Raises:
        DataError: It is none, or lies outside the text.
    """
    if isinstance(value, list) and len(value) == 3:
        value = dict(zip(("start", "end", label), value, strict=True))
    if not isinstance(value, Mapping) or not {"start", "end", label} <= set(value):
        raise DataError(f"{where}: expected a span with start, end and {label}, or [start, end, {label}]")
    start, end = value["start"], value["end"]
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise DataError(f"{where}: expected a span within the text's {len(text)} characters, its end after its start")
    return {"start": start, "end": end, label: take_label(value[label], where)}
