"""Corpora to train on without labels, one module each, found by file name: every one exposes ``CORPUS = Corpus(...)``.

Documents come one at a time, however large the files are, and what cannot be read comes as a ``Failure`` in its place.
"""

import importlib
import pkgutil

from ...errors import UnknownName
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


def list_corpora() -> tuple[Corpus, ...]:
    """Return every kind of corpus, by name."""
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    corpora = [importlib.import_module(f"{__name__}.{name}").CORPUS for name in modules]
    return tuple(sorted(corpora, key=lambda entry: entry.name))


def get_corpus(name: str) -> Corpus:
    """Return the kind of corpus with this name.

    Raises:
        UnknownName: No corpus is called so; the message suggests the nearest.
    """
    for entry in list_corpora():
        if entry.name == name:
            return entry
    raise UnknownName("corpus", name, [entry.name for entry in list_corpora()])
