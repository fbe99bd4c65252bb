"""How files are found, opened, decoded and cut: one policy for notes to annotate, corpora and labelled data.

- Found: a file that is named is read. A folder is searched with its subfolders; hidden files in it, and what archivers
  leave behind (``._note.txt``, ``__MACOSX``), are passed over, as in a glob.
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
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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


def find_files(patterns: Sequence[str], fits: Callable[[Path], bool], kind: str) -> list[Path]:
    """Return the files at some paths, in the order of the paths and without repetitions.

    Args:
        patterns: Files, globs, folders, or ``-`` for standard input.
        fits: Tells which files of a folder to read; a file that is named itself need not fit.
        kind: What such files are called in the error.

    Raises:
        DataError: There is no file at a path.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if pattern == STDIN or path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = list_folder(path, fits)
        else:
            matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True) if Path(match).is_file())
        if not matches:
            raise DataError(f"nothing to read at {pattern!r}: no such file, or no {kind} file in it")
        found.update(dict.fromkeys(matches))
    return list(found)


def list_folder(folder: Path, fits: Callable[[Path], bool]) -> list[Path]:
    """Return the files of a folder and its subfolders that fit, sorted, without hidden ones."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if fits(path)
        and path.is_file()
        and not any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
    ]


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
