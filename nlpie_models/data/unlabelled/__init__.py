"""Corpora to train on without labels: one module a corpus, found by its file name, with ``CORPUS = Corpus(...)``."""

from ...util.modules import ModuleTable
from ._corpus import Corpus, CorpusSource, Note, find_source_files, read_notes

__all__ = ["Corpus", "CorpusSource", "Note", "find_source_files", "get_corpus", "list_corpora", "read_notes"]

_TABLE = ModuleTable[Corpus](__name__, "CORPUS", "corpus")


def list_corpora() -> tuple[Corpus, ...]:
    """Return every kind of corpus, by name."""
    return _TABLE.rows()


def get_corpus(name: str) -> Corpus:
    """Return the kind of corpus with this name.

    Raises:
        UnknownName: There is no such kind; the message suggests the nearest name.
    """
    return _TABLE.get(name)
