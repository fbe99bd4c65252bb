"""How files are found, opened, decoded and cut: one policy for notes to annotate, corpora and labelled data.

- Found: a file that is named is read. A folder is searched with its subfolders, linked ones too; hidden files in it,
  and what archivers leave behind (``._note.txt``, ``__MACOSX``), are passed over, as in a glob. What cannot be looked
  into, such as a locked folder or a link to nothing, is a failure like a broken file.
- Opened: what a name that ends in ``.gz`` holds is unpacked while it is read.
- Decoded: text is UTF-8, and a byte-order mark at its start is taken off. Bytes that are not UTF-8 are reported with
  their place and never guessed, with one exception: a user cannot repair the archive of a labelled release, so its
  files are read in another encoding, and the receipt counts them (:mod:`.labelled._files`).
- Broken: a note, row or file that cannot be read becomes a :class:`Failure` in its place, and reading goes on after it.
  A labelled data set is refused with a ``DataError`` that names file and line, as a gap in it would change a score.
  Neither quotes the text.
"""

import glob
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EACCES
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, BinaryIO, TextIO

from ..errors import DataError

STDIN = "-"
"""The path that means standard input."""
NOT_UTF8 = "not UTF-8; convert the file, for example with `iconv -t utf-8`"
_SPACE = re.compile(r"\s")


@dataclass(frozen=True)
class Failure:
    """A document or file that could not be read.

    Attributes:
        id: The document's id, or its place (``file:line`` or the file).
        message: What is wrong with it; never quotes the text.
    """

    id: str
    message: str

    @classmethod
    def of(cls, path: str | Path, error: OSError) -> "Failure":
        """Return the failure of a path that the system does not open."""
        return cls(str(path), f"cannot be read: {error.strerror}")


def find_files(patterns: Sequence[str], fits: Callable[[Path], bool], kind: str) -> list[Path | Failure]:
    """Return the files at some paths, in the order of the paths and without repetitions.

    Args:
        patterns: Files, globs, folders, or ``-`` for standard input.
        fits: Tells which files of a folder to read; a file that is named itself need not fit.
        kind: What such files are called in the error.

    Returns:
        The files, and a failure in the place of each folder and link that cannot be followed.

    Raises:
        DataError: There is no file at a path.
    """
    found: dict[Path | Failure, None] = {}
    for pattern in patterns:
        matches = _find_at(Path(pattern), fits) if pattern == STDIN or Path(pattern).exists() else _glob(pattern, fits)
        if not matches:
            raise DataError(f"nothing to read at {pattern!r}: no such file, or no {kind} file in it")
        found.update(dict.fromkeys(matches))
    return list(found)


def _find_at(path: Path, fits: Callable[[Path], bool]) -> list[Path | Failure]:
    try:
        is_folder = str(path) != STDIN and S_ISDIR(path.stat().st_mode)
    except OSError as error:
        return [Failure.of(path, error)]
    return list_folder(path, fits) if is_folder else [path]


def _glob(pattern: str, fits: Callable[[Path], bool]) -> list[Path | Failure]:
    """Return what a pattern matches; the folders that it would look into and may not are failures."""
    parts = Path(pattern).parts
    if "**" in parts:
        searched = Path(*takewhile(lambda part: not glob.has_magic(part), parts))
        return _search(searched, parts[len(searched.parts) :], fits) if searched.is_dir() else []
    locked = [
        Failure.of(folder, PermissionError(EACCES, os.strerror(EACCES)))
        for parent in Path(pattern).parents
        for folder in sorted(glob.glob(str(parent)))
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK)
    ]
    matches = map(Path, sorted(glob.glob(pattern)))
    return [*(item for path in matches for item in _find_at(path, fits)), *locked]


def _search(folder: Path, pattern: Sequence[str], fits: Callable[[Path], bool]) -> list[Path | Failure]:
    """Return the files of a folder that a pattern matches, and those that fit of subfolders that it matches.

    ``glob`` would go round links to a folder above them, each time doubling what it finds.
    """

    def takes(path: Path) -> bool:
        parts = path.relative_to(folder).parts
        is_within = any(_matches(parts[:depth], pattern) for depth in range(1, len(parts)))
        return _matches(parts, pattern) or (is_within and fits(path))

    return list_folder(folder, takes)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern, in which ``**`` is any number of folders."""
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatch(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def list_folder(folder: Path, fits: Callable[[Path], bool]) -> list[Path | Failure]:
    """Return the files of a folder and its subfolders that fit, sorted, without hidden ones.

    A link to a folder is followed, unless that folder is being searched already.

    Returns:
        The files, and a failure in the place of each folder and link that cannot be followed.
    """
    return list(_walk(folder, fits, frozenset()))


def _walk(folder: Path, fits: Callable[[Path], bool], above: frozenset[str]) -> Iterator[Path | Failure]:
    """Yield what a folder holds; ``above`` are the real paths of the folders that are being searched."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield Failure.of(folder, error)
        return
    for path in entries:
        if path.name.startswith((".", "__MACOSX")):
            continue
        try:
            mode = path.stat().st_mode
        except OSError as error:
            yield Failure.of(path, error)
            continue
        if S_ISDIR(mode):
            yield from _walk(path, fits, above | {real})
        elif fits(path):
            yield path if S_ISREG(mode) else Failure(str(path), "cannot be read: neither a file nor a folder")


def whole(found: Iterable[Path | Failure]) -> list[Path]:
    """Return the files that were found, for data that is to be read without a gap.

    Raises:
        DataError: There is a failure among them.
    """
    files = []
    for item in found:
        if isinstance(item, Failure):
            raise DataError(f"{item.id}: {item.message}")
        files.append(item)
    return files


def suffix_of(path: Path) -> str:
    """Return the suffix of what a file holds, in lower case: ``.csv`` for ``notes.CSV.gz``."""
    return Path(path.stem).suffix.lower() if _is_gzip(path) else path.suffix.lower()


def _is_gzip(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacked if it is gzipped; ``-`` is standard input.

    Raises:
        DataError: The file cannot be opened or, within the block, read. The message does not name it.
    """
    opened: Any = gzip.open if _is_gzip(path) else open
    try:
        if str(path) == STDIN:
            yield sys.stdin.buffer
        else:
            with opened(path, "rb") as file:
                yield file
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or ("a damaged gzip file" if _is_gzip(path) else error)
        raise DataError(f"cannot be read: {reason}") from error


def decode(content: bytes, fallbacks: Sequence[str] = ()) -> tuple[str, str]:
    """Return bytes as text without a byte-order mark, and the name of their encoding.

    Args:
        content: The bytes.
        fallbacks: Encodings to try in turn if the bytes are not UTF-8.

    Raises:
        DataError: The bytes are in none of the encodings; names the first byte that is not UTF-8.
    """
    try:
        return content.decode().removeprefix("\ufeff"), "utf-8"
    except UnicodeDecodeError as error:
        for encoding in fallbacks:
            try:
                return content.decode(encoding), encoding
            except UnicodeDecodeError:
                continue
        raise DataError(NOT_UTF8.replace(";", f" at byte {error.start};", 1)) from None


def as_text(file: BinaryIO) -> TextIO:
    """Return a file as text with its line ends, without reading it through.

    A byte that is not UTF-8 becomes half of a surrogate pair, so that only the row that holds it is refused.
    """
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def cut_text(text: str, size: int) -> Iterator[str]:
    """Yield the pieces, of about ``size`` characters, of a text; all but the first begin with white space.

    A run of other characters is cut only if it is longer than ``size``.
    """
    start = 0
    while len(text) - start > size:
        space = _SPACE.search(text, start + size, start + 2 * size)
        stop = space.start() if space else min(start + 2 * size, len(text))
        yield text[start:stop]
        start = stop
    if start < len(text) or not text:
        yield text[start:]
