"""What a format is: how a source is read into sets of rows in the house layout."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Progress = Callable[[Sequence[Path]], Iterable[Path]]


@dataclass(frozen=True)
class Source:
    """What is to be read, and what is to be told of it.

    Attributes:
        path: The folder or file.
        columns: For tables, the source's name of a field.
        progress: Wraps the files that are gone through, for a progress bar.
        notes: What was done to the files (encoding, line ends, repairs), counted while they are read.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = iter
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Item:
    """What one document gives to one set.

    Attributes:
        document: Id of the document.
        rows: Its rows.
        group: Documents of one group (a patient, a premise) stay on one side of a split; a group of its own if empty.
        sentences: Sentences of the document, where the source marks them.
    """

    document: str
    rows: Sequence[Row]
    group: str = ""
    sentences: int | None = None


@dataclass(frozen=True)
class Split:
    """One split of a set.

    Attributes:
        rows: Its rows in the house layout.
        documents: Documents that they come from.
        sentences: Sentences in those, where the source marks them.
        origin: Who chose it.
    """

    rows: Sequence[Row]
    documents: int
    sentences: int | None
    origin: str


@dataclass(frozen=True)
class Prepared:
    """One set, such as ``i2b2-2010-ner``.

    Attributes:
        name: Name of the set.
        task: ner, relation, nli, classification or corpus.
        splits: The splits by name.
        dropped: What was left out: how many for each reason.
    """

    name: str
    task: str
    splits: Mapping[str, Split]
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Format:
    """A format of labelled sources.

    Attributes:
        name: The name that users give.
        summary: One line for the help.
        read: Reads a source into sets; raises DataError, which names file and line and never quotes the text.
        columns: Fields whose column a user may name.
    """

    name: str
    summary: str
    read: Callable[[Source], list[Prepared]]
    columns: tuple[str, ...] = ()
