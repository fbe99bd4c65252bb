"""What a format is: how the files of a labelled release become sets, with their splits, of rows in the house layout.

The splits are those of the source. Where it has no validation split, a part of its training documents is held out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ...errors import DataError
from ..rows import LabelledRow

OFFICIAL = "official"
"""The origin of splits that the makers of a release chose."""
HELD_OUT = 0.1
"""Share of the training documents that become a validation split."""
_FIRST = ("train", "validation", "test")
_Progress = Callable[[Sequence[Path]], Iterable[Path]]


@dataclass(frozen=True)
class LabelledSource:
    """The files of a labelled release, and what is noted while they are read.

    Attributes:
        path: The folder or file.
        columns: The source's name of a field, for formats whose columns may be named.
        progress: Wraps a list of files that is gone through, for a progress bar.
        notes: Counts of what was done to the files: encodings, line ends, repairs.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    progress: _Progress = iter
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class DocumentRows:
    """The rows of one document in one set.

    Attributes:
        document: Id of the document.
        rows: Its rows.
        group: What it shares with related documents, such as a patient or a premise; a group is never divided between
            splits. Empty for a document that stands by itself.
        sentences: Number of its sentences, None where the source does not mark them.
    """

    document: str
    rows: Sequence[LabelledRow]
    group: str = ""
    sentences: int | None = None

    @property
    def unit(self) -> str:
        """What stays together in a split: the group, or the document."""
        return self.group or self.document


@dataclass(frozen=True)
class Split:
    """A split of a set.

    Attributes:
        rows: Its rows in the house layout.
        documents: Number of the documents that they come from.
        sentences: Number of the documents' sentences, None where the source does not mark them.
        origin: Who or what chose the split.
    """

    rows: Sequence[LabelledRow]
    documents: int
    sentences: int | None
    origin: str


@dataclass(frozen=True)
class PreparedSet:
    """A set, such as ``i2b2-2010-ner``.

    Attributes:
        name: Its name.
        task: ner, relation, nli, classification or corpus.
        splits: Its splits by name.
        dropped: How much was left out, by reason.
    """

    name: str
    task: str
    splits: Mapping[str, Split]
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Format:
    """A format of labelled data.

    Attributes:
        name: The name that users give.
        summary: One line for the help.
        read: Reads a source into sets. Raises a DataError that names file and line and never quotes the text.
        columns: Fields whose column a user may name.
    """

    name: str
    summary: str
    read: Callable[[LabelledSource], list[PreparedSet]]
    columns: tuple[str, ...] = ()


def assemble(
    source: LabelledSource,
    name: str,
    task: str,
    documents: Mapping[str, Sequence[DocumentRows]],
    dropped: Mapping[str, int] | None = None,
    *,
    origin: str = "as the source has it",
    unit: str = "documents",
) -> PreparedSet:
    """Return the set that documents make.

    Args:
        source: The source of the documents, for the error.
        name: Name of the set.
        task: Its task.
        documents: The documents by split. Without a validation split, a tenth of the training documents becomes it,
            those whose group has the lowest SHA-256; of a single document, a tenth of its rows. Splits beyond train,
            validation and test come after these.
        dropped: How much was left out, by reason.
        origin: Who or what chose the splits.
        unit: What a group is, in the plural.

    Raises:
        DataError: There is no row.
    """
    order = [*_FIRST, *(split for split in sorted(documents) if split not in _FIRST)]
    parts = {split: list(documents[split]) for split in order if documents.get(split)}
    origins = dict.fromkeys(parts, origin)
    if "train" in parts and "validation" not in parts:
        if len(parts["train"]) == 1:
            unit, parts["train"] = "rows", _split_rows(parts["train"][0])
        parts["train"], parts["validation"] = hold_out(parts["train"], HELD_OUT)
        if parts["validation"]:
            origins["train"] = f"{origin}, less validation"
            origins["validation"] = f"a tenth of the training {unit}, those with the lowest SHA-256"
    made = {split: _make_split(parts[split], origins[split]) for split in order if parts.get(split)}
    splits = {split: part for split, part in made.items() if part.rows}
    if not splits:
        raise DataError(f"{source.path}: holds nothing for {name}")
    return PreparedSet(name, task, splits, dict(dropped or {}))


def hold_out(documents: Sequence[DocumentRows], share: float) -> tuple[list[DocumentRows], list[DocumentRows]]:
    """Divide documents in two, the second with this share of the groups (at least one of several)."""
    units = sorted({entry.unit for entry in documents}, key=lambda unit: sha256(unit.encode()).hexdigest())
    count = max(round(len(units) * share), 1) if len(units) > 1 else 0
    held = set(units[:count])
    kept = [entry for entry in documents if entry.unit not in held]
    return kept, [entry for entry in documents if entry.unit in held]


def _make_split(documents: Sequence[DocumentRows], origin: str) -> Split:
    sentences = [entry.sentences for entry in documents if entry.sentences is not None]
    rows = [row for entry in documents for row in entry.rows]
    return Split(rows, len({entry.document for entry in documents}), sum(sentences) if sentences else None, origin)


def _split_rows(entry: DocumentRows) -> list[DocumentRows]:
    """Return a document as one document a row."""
    sentences = None if entry.sentences is None else 1
    return [DocumentRows(entry.document, [row], row["id"], sentences) for row in entry.rows]
