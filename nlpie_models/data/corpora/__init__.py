"""Corpora to train on without labels, one module each, found by file name: every one exposes ``CORPUS = Corpus(...)``.

Documents come one at a time, however large the files are, and what cannot be read comes as a ``Failure`` in its place.
"""

from ...module_table import ModuleTable
from ..documents import Failure
from ._corpus import Corpus, Note, Source
from ._reading import find_source_files, read_notes, stream_dataset

__all__ = [
    "Corpus",
    "Failure",
    "Note",
    "Source",
    "find_source_files",
    "get_corpus",
    "list_corpora",
    "read_notes",
    "stream_dataset",
]

_TABLE = ModuleTable[Corpus](__name__, "CORPUS", "corpus")


def list_corpora() -> tuple[Corpus, ...]:
    """Return every kind of corpus, by name."""
    return _TABLE.rows()


def get_corpus(name: str) -> Corpus:
    """Return the kind of corpus with this name.

    Raises:
        UnknownName: No corpus is called so; the message suggests the nearest.
    """
    return _TABLE.get(name)
