"""What a corpus is, and how its files are found and read, one document at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError, UnknownName
from ..files import STDIN, Failure, find_files, suffix_of, whole
from ..texts import Columns

NOT_CHOSEN = "not among those that were asked for"


@dataclass(frozen=True)
class Note:
    """A document to train on.

    Attributes:
        id: Its id, or its place (``file:row``, or the file).
        text: Its text.
        group: What it shares with related documents, such as the patient; a group is never divided between training
            and validation. Empty for a document that stands by itself.
    """

    id: str
    text: str = field(repr=False)
    group: str = ""


@dataclass(frozen=True)
class CorpusSource:
    """The files of a corpus, and what to read of them.

    Attributes:
        paths: Files, globs and folders.
        columns: Columns of text and id, for the tables of the corpus ``text``.
        categories: Kinds of notes to read, for the MIMIC releases; all if empty.
        where: Values to accept in a column, for JSON lines and Parquet; a row is read if every column has one of them.
    """

    paths: tuple[str, ...]
    columns: Columns = field(default_factory=Columns)
    categories: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A kind of corpus.

    Attributes:
        name: The name that users give.
        summary: One line for the help.
        files: What its files are called, for errors.
        fits: Tells its files among those of a folder.
        read: Reads a file: its documents, and a Failure for what is not one or cannot be read. Raises a DataError if
            the file is of another kind.
        categories: The kinds of notes that it has.
    """

    name: str
    summary: str
    files: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, CorpusSource], Iterator[Note | Failure]]
    categories: tuple[str, ...] = ()


def find_source_files(corpus: Corpus, source: CorpusSource) -> list[Path]:
    """Return the files of a corpus; of a file that lies unpacked beside its ``.gz``, the unpacked one.

    Tables are opened, so that one without the columns is refused before anything is read.

    Raises:
        DataError: There is no file, a folder cannot be searched, or a table is of another kind.
        UnknownName: The corpus has no such category.
    """
    if STDIN in source.paths:
        raise DataError("a corpus is read from files: what comes by standard input cannot be read again")
    for category in source.categories:
        if category not in corpus.categories:
            raise UnknownName(f"category of {corpus.name}", category, corpus.categories)
    found = whole(find_files(source.paths, corpus.fits, corpus.files))
    names = set(map(str, found))
    files = [path for path in found if path.suffix.lower() != ".gz" or str(path.with_suffix("")) not in names]
    for path in files:
        if suffix_of(path) in (".csv", ".parquet"):
            first = next(_read_file(corpus, path, source), None)
            if isinstance(first, Failure) and first.id == str(path):
                raise DataError(f"{first.id}: {first.message}")
    return files


def read_notes(corpus: Corpus, files: Sequence[Path], source: CorpusSource) -> Iterator[Note | Failure]:
    """Yield the documents of files, in order, one at a time; what cannot be read is a ``Failure`` in its place."""
    for path in files:
        yield from _read_file(corpus, path, source)


def _read_file(corpus: Corpus, path: Path, source: CorpusSource) -> Iterator[Note | Failure]:
    try:
        yield from corpus.read(path, source)
    except DataError as error:
        yield Failure(str(path), str(error))
