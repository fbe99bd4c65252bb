"""Vectors of the text and of its sentences."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ._field import Field, Kind

_COLUMNS: dict[str, Kind] = {"start": "whole", "end": "whole", "embedding": "vector"}


@dataclass(frozen=True)
class SentenceEmbedding:
    """The vector of the sentence at ``start:end``, float32 of shape (hidden size,)."""

    start: int
    end: int
    embedding: np.ndarray = field(repr=False, compare=False)


class EmbeddingField(Field[np.ndarray | None]):
    """The text's vector, float32 of shape (hidden size,); None where another task annotated the text."""

    columns: ClassVar = _COLUMNS

    def to_json(self, value: np.ndarray | None) -> list[float] | None:
        """Return the numbers of the vector."""
        return None if value is None else value.tolist()

    def from_json(self, values: Any) -> np.ndarray:
        """Return the vector."""
        return np.array(values, dtype=np.float32)

    def rows(self, value: np.ndarray | None, characters: int) -> Iterator[dict[str, Any]]:
        """Yield one row."""
        if value is not None:
            yield {"start": 0, "end": characters, "embedding": value.tolist()}

    def to_terminal(self, value: np.ndarray | None) -> Iterator[str]:
        """Yield the vector's length and norm."""
        if value is not None:
            yield f"vector of {len(value)}, norm {(value**2).sum() ** 0.5:.2f}"


class SentencesField(Field[list[SentenceEmbedding]]):
    """The vector of each sentence, by position."""

    columns: ClassVar = _COLUMNS

    def to_json(self, value: list[SentenceEmbedding]) -> list[dict[str, Any]]:
        """Return each sentence by field."""
        return list(self.rows(value, 0))

    def from_json(self, values: Any) -> list[SentenceEmbedding]:
        """Return the sentences."""
        return [
            SentenceEmbedding(item["start"], item["end"], np.array(item["embedding"], dtype=np.float32))
            for item in values
        ]

    def rows(self, value: list[SentenceEmbedding], characters: int) -> Iterator[dict[str, Any]]:
        """Yield a row for each sentence."""
        for sentence in value:
            yield {"start": sentence.start, "end": sentence.end, "embedding": sentence.embedding.tolist()}
