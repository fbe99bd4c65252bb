"""What a corpus is: how its files are found, and read one document at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..documents import Columns, Failure

NOT_CHOSEN = "not among those that were asked for"


@dataclass(frozen=True)
class Note:
    """A document to train on.

    Attributes:
        id: Its id, or where it stands.
        text: Its text.
        group: Documents of one group (a patient) stay on one side of a split; by itself if empty.
    """

    id: str
    text: str = field(repr=False)
    group: str = ""


@dataclass(frozen=True)
class Source:
    """What is to be read.

    Attributes:
        paths: Files, globs and folders.
        columns: For tables of no release: the columns of text and id.
        categories: For the MIMIC releases: the kinds of notes to read; all if empty.
        where: For JSON lines and Parquet: read the rows that have one of these values in each of these columns.
    """

    paths: tuple[str, ...]
    columns: Columns = field(default_factory=lambda: Columns(id="id"))
    categories: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A kind of source.

    Attributes:
        name: The name that users give.
        summary: One line for the help.
        fits: Whether a file found in a folder is one of it; None for every format that is known.
        files: What such files are called.
        read: Reads a file: documents, and what could not be read and why; raises DataError if the file is no such file.
        categories: The kinds of notes that there are.
    """

    name: str
    summary: str
    files: str
    read: Callable[[Path, Source], Iterator[Note | Failure]]
    fits: Callable[[Path], bool] | None = None
    categories: tuple[str, ...] = ()
