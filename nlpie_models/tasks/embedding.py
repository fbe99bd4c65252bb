"""Vectors of texts and of their sentences.

``pooling`` says what is made of a passage's token states: ``mean`` (every token alike, special tokens too, as in
sentence-transformers, with which a text of one window agrees), ``cls`` (the first) or ``max``. The windows of a long
text are averaged, each by the tokens that it decides. ``normalize`` scales every vector to length 1. With
``unit="sentence"`` each sentence is read by itself and has its own vector, and the text has the mean of them;
``on_long`` is then about a sentence longer than the window.
A sentence-transformers folder brings its own pooling and normalisation.
"""

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np

from ..documents import Reader, SentenceEmbedding
from ..documents.reading import Unit
from ._task import Head, Plan, Row, Task

TokenPooling = Literal["mean", "cls", "max"]


@dataclass(frozen=True)
class EmbeddingOptions:
    """See the module."""

    pooling: TokenPooling = "mean"
    normalize: bool = False
    unit: Unit = "window"


def _plan(row: Row, reader: Reader, options: EmbeddingOptions) -> Plan:
    reading = replace(reader, unit=options.unit).read(row["text"])
    return Plan(row["text"], [reader.passage(ids) for ids in reading.ids], reading.coverage, reading)


def _reduce(plan: Plan, index: int, output: np.ndarray, head: Head) -> dict[str, np.ndarray]:
    return {"mean": output.mean(axis=0), "cls": output[0].copy(), "max": output.max(axis=0)}


def _finish(plan: Plan, parts: list[dict[str, np.ndarray]], head: Head, options: EmbeddingOptions) -> dict[str, Any]:
    vectors = np.stack([part[options.pooling] for part in parts])
    reading = plan.reading
    fields: dict[str, Any] = {"embedding": _average(vectors, reading.decided, options)}
    if options.unit == "sentence":
        fields["sentences"] = [
            SentenceEmbedding(start, end, _average(vectors[rows], [reading.decided[row] for row in rows], options))
            for start, end, rows in _sentences(reading)
        ]
    return fields


def _sentences(reading: Any) -> list[tuple[int, int, list[int]]]:
    """Return the characters of each sentence, and the windows that it was read in."""
    encoding = reading.encoding
    if not len(encoding):
        return []
    number = np.searchsorted(encoding.sentence_starts, [window.start for window in reading.windows], side="right")
    found = []
    for _, group in groupby(range(len(reading.windows)), key=lambda row: number[row]):
        rows = list(group)
        first, last = reading.windows[rows[0]].start, reading.windows[rows[-1]].stop - 1
        found.append((int(encoding.offsets[first, 0]), int(encoding.offsets[last, 1]), rows))
    return found


def _average(vectors: np.ndarray, weights: list[int], options: EmbeddingOptions) -> np.ndarray:
    if options.normalize:
        vectors = _normalized(vectors)
    averaged = np.average(vectors, axis=0, weights=weights)
    return (_normalized(averaged) if options.normalize else averaged).astype(np.float32)


def _normalized(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


TASK = Task(
    name="embedding",
    aliases=("feature-extraction", "sentence-similarity"),
    summary="one vector a text, over all of its windows, or one a sentence",
    auto_class="AutoModel",
    gives="embedding",
    output="last_hidden_state",
    plan=_plan,
    reduce=_reduce,
    finish=_finish,
    options=EmbeddingOptions,
)
