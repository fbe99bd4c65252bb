"""Repeated documents, found in one pass over a corpus: the first of them is kept, its hashes on disk.

Two documents are the same if their words are, whatever their case, punctuation and white space. They are nearly the
same if, of all the sequences of five words in either, the share that is in both (Jaccard's) reaches a threshold. That
share is estimated from MinHash signatures (Broder, 1997, https://doi.org/10.1109/SEQUEN.1997.666900); the documents to
compare with are looked up by bands of the signature (Leskovec et al., Mining of Massive Datasets, ch. 3).

Why not a library: datasketch has an index on disk too (``MinHashLSHBloom``), but it keeps no signatures, so that what
shares a band counts as a repetition, and its size is fixed beforehand by the number of documents. Here signatures are
kept and candidates are compared with the threshold, the number of documents need not be known, and memory stays flat:
the index is an SQLite file with a small cache.
"""

import re
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np

from ...errors import NlpieError
from ..files import cut_text

SEQUENCE = 5
"""Number of words in a sequence."""

_HASHES = 112
_WORD = re.compile(r"\w+")
_PIECE = 2**20
_CHUNK = 2**12
_CACHE_KIB = 8192
_MOST_COMPARED = 64
_FOUND = 0.9
_MIX = np.uint64(0x9E3779B97F4A7C15)
_RAW = np.random.PCG64(13).random_raw(2 * _HASHES)
_FACTORS, _OFFSETS = _RAW[:_HASHES, None] | np.uint64(1), _RAW[_HASHES:, None]


class Duplicates:
    """An index of the documents seen so far; a context manager that closes its file.

    Args:
        file: Where to keep the hashes; it must not exist yet.
        threshold: Share of common word sequences from which a document repeats another; 1 finds only the same words.

    Raises:
        NlpieError: The threshold is not above 0 and at most 1.
    """

    def __init__(self, file: Path, threshold: float = 0.8) -> None:
        if not 0 < threshold <= 1:
            raise NlpieError(f"expected a threshold over 0 and up to 1, got {threshold}")
        self._threshold = threshold
        self._rows = _choose_rows(threshold)
        self._count = 0
        self._index = sqlite3.connect(file, isolation_level=None)
        self._index.executescript(
            f"""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
            PRAGMA cache_size = -{_CACHE_KIB};
            CREATE TABLE whole (hash INTEGER PRIMARY KEY);
            CREATE TABLE signature (document INTEGER PRIMARY KEY, hashes BLOB);
            CREATE TABLE band (hash INTEGER, document INTEGER, PRIMARY KEY (hash, document)) WITHOUT ROWID;
            BEGIN;
            """
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()

    def find(self, text: str) -> Literal["exact", "near"] | None:
        """Return how a text repeats one seen before; None if it does not, and then it is remembered."""
        words = hash_words(text)
        whole = (_hash_bytes(words.tobytes()),)
        if self._index.execute("SELECT 1 FROM whole WHERE hash = ?", whole).fetchone():
            return "exact"
        if self._threshold < 1:
            signature = make_signature(words)
            bands = list(self._bands(signature))
            if self._has_near(signature, bands):
                return "near"
            self._remember(signature, bands)
        self._index.execute("INSERT INTO whole VALUES (?)", whole)
        return None

    def _bands(self, signature: np.ndarray) -> Iterator[int]:
        for number, start in enumerate(range(0, _HASHES - self._rows + 1, self._rows)):
            yield _hash_bytes(bytes([number]) + signature[start : start + self._rows].tobytes())

    def _has_near(self, signature: np.ndarray, bands: list[int]) -> bool:
        found = self._index.execute(
            f"SELECT hashes FROM signature WHERE document IN (SELECT document FROM band"
            f" WHERE hash IN ({','.join('?' * len(bands))}) ORDER BY document LIMIT {_MOST_COMPARED})",
            bands,
        )
        return any(np.mean(np.frombuffer(row[0], np.uint32) == signature) >= self._threshold for row in found)

    def _remember(self, signature: np.ndarray, bands: list[int]) -> None:
        self._index.execute("INSERT INTO signature VALUES (?, ?)", (self._count, signature.tobytes()))
        self._index.executemany("INSERT OR IGNORE INTO band VALUES (?, ?)", [(band, self._count) for band in bands])
        self._count += 1


def hash_words(text: str) -> np.ndarray:
    """Return the 64-bit hashes of the words of a text (W,), whatever their case; a text without words is one word."""
    hashes = [
        np.fromiter(map(_hash_word, _WORD.findall(piece.casefold())), dtype=np.uint64)
        for piece in cut_text(text, _PIECE)
    ]
    words = np.concatenate(hashes)
    return words if len(words) else np.array([_hash_word(text.strip())], dtype=np.uint64)


def make_signature(words: np.ndarray) -> np.ndarray:
    """Return the MinHash signature (112,) of a text: the least value of every hash function over its word sequences.

    Args:
        words: Hashes of its words (W,), at least one; fewer than five words are one sequence.
    """
    length = min(SEQUENCE, len(words))
    sequences = np.zeros(len(words) - length + 1, dtype=np.uint64)
    for place in range(length):
        sequences = (sequences ^ words[place : place + len(sequences)]) * _MIX
        sequences ^= sequences >> np.uint64(29)
    least = np.full(_HASHES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(sequences), _CHUNK):
        values = sequences[start : start + _CHUNK] * _FACTORS + _OFFSETS
        np.minimum(least, values.min(axis=1), out=least)
    return (least >> np.uint64(32)).astype(np.uint32)


def _choose_rows(threshold: float) -> int:
    """Return the most hashes in a band with which nine in ten pairs at the threshold still share a band."""
    return max(
        rows for rows in range(1, _HASHES + 1) if 1 - (1 - threshold**rows) ** (_HASHES // rows) >= _FOUND or rows == 1
    )


@lru_cache(maxsize=2**16)
def _hash_word(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _hash_bytes(content: bytes) -> int:
    """Return a signed 64-bit hash, as SQLite holds it."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)
