"""Files of a source: which there are, which split they belong to, and their text.

Text is UTF-8, without a byte-order mark; a file that is not UTF-8 is read as cp1252, or as latin-1 where that has no
such byte. Line ends become LF whatever they were (an XML parser does the same, and so the same corpus gives the same
rows however it was unpacked); offsets that count CRLF as two characters are mapped by whoever has such offsets.
"""

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..rows import parse_row
from ._format import Source

_SPLITS = {
    "validation": re.compile(r"(?<![a-z])(?i:(dev(el(op(ment)?)?)?|val(id(ation)?)?)(set)?(?![a-z]))"),
    "test": re.compile(r"(?<![a-z])(?i:test(ing)?(set)?(?![a-z]))"),
    "train": re.compile(r"(?<![a-z])(?i:train(ing)?(set)?(?![a-z]))"),
}


def find_by_split(
    source: Source, suffixes: Collection[str], hints: Mapping[str, str] | None = None
) -> dict[str, list[Path]]:
    """Find files with these suffixes, by the split that their folders' names or their own tell; all train if none does.

    Args:
        source: A folder, searched through, or one file.
        suffixes: Such as ``.xml``, in lower case.
        hints: Parts of names that tell a split besides train, dev and test.

    Raises:
        DataError: There is none, or the one file is of another kind.
    """
    if source.path.is_file():
        if not source.path.name.lower().endswith(tuple(suffixes)):
            raise DataError(f"{source.path}: expected a folder, or a {' or '.join(sorted(suffixes))} file")
        return {_split_of(source.path.name, hints or {}) or "train": [source.path]}
    found = [
        path
        for path in sorted(source.path.rglob("*"))
        if path.name.lower().endswith(tuple(suffixes)) and path.is_file() and not _is_hidden(path, source.path)
    ]
    if not found:
        raise DataError(f"{source.path}: expected {' or '.join(sorted(suffixes))} files; unpack archives first")
    by_split: dict[str, list[Path]] = {}
    untold: list[Path] = []
    for path in found:
        told = (_split_of(part, hints or {}) for part in path.relative_to(source.path).parts)
        split = next((split for split in told if split), None)
        (by_split.setdefault(split, []) if split else untold).append(path)
    if not by_split:
        return {"train": untold}
    if untold:
        source.notes["files in no train, dev or test folder, left out"] += len(untold)
    return by_split


def _split_of(name: str, hints: Mapping[str, str]) -> str | None:
    hinted = (split for hint, split in hints.items() if hint in name.lower())
    return next(hinted, None) or next((split for split, pattern in _SPLITS.items() if pattern.search(name)), None)


def _is_hidden(path: Path, root: Path) -> bool:
    """Files that archivers of other systems leave behind, such as ``._record.txt``, are not the source's."""
    return any(part.startswith((".", "__MACOSX")) for part in path.relative_to(root).parts)


def read_raw(path: Path, notes: Counter[str]) -> str:
    """Return the text of a file (gzipped or not) with its own line ends.

    Raises:
        DataError: It cannot be read.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "a damaged gzip file"
        raise DataError(f"{path}:1: cannot be read: {reason}") from None
    if content.startswith(b"\xef\xbb\xbf"):
        notes["files with a byte-order mark, taken off"] += 1
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    if encoding != "utf-8-sig":
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
    """Return the lines of a file with where they stand (``file:line``)."""
    for number, line in enumerate(read_text(path, notes).split("\n"), start=1):
        yield f"{path}:{number}", line


def read_objects(path: Path, notes: Counter[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the objects of a file of JSON lines with where they stand.

    Raises:
        DataError: A line that is not a JSON object, or holds half of a surrogate pair.
    """
    for where, line in read_lines(path, notes):
        if not line.strip():
            continue
        row = parse_row(line, where)
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError(f"{where}: expected characters, got half of a surrogate pair") from None
        yield where, row


def take_label(value: Any, where: str) -> str:
    """Return a label.

    Raises:
        DataError: It is no short line of text, so that it may be another column, whose content is not to be quoted.
    """
    if isinstance(value, bool | int):
        value = json.dumps(value)
    if not isinstance(value, str) or not value.strip() or len(value) > 60 or not value.isprintable():
        raise DataError(f"{where}: expected a label, a short line of text")
    return value.strip()
