"""Finding the files of a source and reading them one after another."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DataError, UnknownName
from ..documents import STDIN, Failure, find_files
from ._corpus import Corpus, Note, Source

if TYPE_CHECKING:
    from datasets import IterableDataset

_TABLES = (".csv", ".csv.gz", ".parquet")


def find_source_files(corpus: Corpus, source: Source) -> list[Path]:
    """Find the files of a source, and refuse a table that has not the columns before anything is read.

    A file that lies unpacked beside its gzip counts once.

    Raises:
        DataError: There is no file, or a table is not of this kind.
        UnknownName: A category that the corpus has not.
    """
    if STDIN in source.paths:
        raise DataError("a corpus is read from files: what comes by standard input cannot be read again")
    for category in source.categories:
        if category not in corpus.categories:
            raise UnknownName(f"category of {corpus.name}", category, corpus.categories)
    found = find_files(source.paths, corpus.fits, corpus.files)
    names = set(map(str, found))
    files = [path for path in found if path.suffix.lower() != ".gz" or str(path.with_suffix("")) not in names]
    for path in files:
        if path.name.lower().endswith(_TABLES):
            first = next(_read_file(corpus, path, source), None)
            if isinstance(first, Failure) and first.id == str(path):
                raise DataError(f"{first.id}: {first.message}")
    return files


def read_notes(corpus: Corpus, files: Sequence[Path], source: Source) -> Iterator[Note | Failure]:
    """Read the documents of files in order; a file that cannot be read becomes a ``Failure`` and the rest goes on."""
    for path in files:
        yield from _read_file(corpus, path, source)


def stream_dataset(corpus: Corpus, source: Source) -> "IterableDataset":
    """Return the documents of a source as a data set with ``id`` and ``text``, read while it is gone through.

    Nothing is written anywhere; what cannot be read is left out.
    """
    from datasets import Features, IterableDataset, Value

    files = find_source_files(corpus, source)

    def rows() -> Iterator[dict[str, str]]:
        for item in read_notes(corpus, files, source):
            if isinstance(item, Note):
                yield {"id": item.id, "text": item.text}

    return IterableDataset.from_generator(rows, features=Features({"id": Value("string"), "text": Value("string")}))


def _read_file(corpus: Corpus, path: Path, source: Source) -> Iterator[Note | Failure]:
    try:
        yield from corpus.read(path, source)
    except (OSError, EOFError, zlib.error, DataError) as error:
        yield Failure(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}")
