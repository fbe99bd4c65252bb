"""Vectors of texts and of their sentences.

A text of one window has the vector that sentence-transformers makes of it; the windows of a longer text are averaged,
weighted by the tokens that they decide.
"""

from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ..documents import Reader, Reading, SentenceEmbedding
from ..documents.reading import Unit
from ..loading.sentence_transformers import read_embedding_options
from ._task import Head, Plan, Row, Task, plan_text

TokenPooling = Literal["mean", "cls", "max"]


@dataclass(frozen=True)
class EmbeddingOptions:
    """How token states become vectors. A sentence-transformers folder brings its own pooling and normalisation.

    Attributes:
        pooling: What is made of the states of a passage's tokens: their ``mean``, special tokens included, their
            ``max``, or the state of the first, ``cls``.
        normalize: Scale every vector to length 1.
        unit: ``window``: the text is read in windows and has one vector; ``sentence``: each sentence is read by
            itself and has a vector too, and the text has the mean of them. ``on_long`` is then about a sentence that
            is longer than the window.
    """

    pooling: TokenPooling = "mean"
    normalize: bool = False
    unit: Unit = "window"


class EmbeddingTask(Task):
    """Embedding of a text."""

    name = "embedding"
    aliases = ("feature-extraction", "sentence-similarity")
    summary = "one vector for a text, over all of its windows, and for each of its sentences if asked"
    auto_class = "AutoModel"
    output = "last_hidden_state"
    field = "embedding"
    options = EmbeddingOptions
    hub_pipeline = "feature-extraction"
    usage = '("Started on metformin for type 2 diabetes.").embedding.shape'
    sample: ClassVar[Row] = {"text": "She was given aspirin for pneumonia."}

    def options_of_folder(self, folder: Path) -> dict[str, Any]:
        """Return the pooling and the normalisation of a sentence-transformers folder."""
        return read_embedding_options(folder)

    def plan(self, row: Row, reader: Reader, options: EmbeddingOptions) -> Plan:
        """Read the text in windows or sentences."""
        return plan_text(row["text"], replace(reader, unit=options.unit))

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> dict[str, np.ndarray]:
        """Return a passage's vector (H,), by pooling."""
        return {"mean": output.mean(axis=0), "cls": output[0].copy(), "max": output.max(axis=0)}

    def finish(
        self, plan: Plan, parts: list[dict[str, np.ndarray]], head: Head, options: EmbeddingOptions
    ) -> dict[str, Any]:
        """Average the passages of the text, and of each sentence where sentences were read."""
        vectors = np.stack([part[options.pooling] for part in parts])
        reading: Reading = plan.reading
        fields: dict[str, Any] = {"embedding": _average(vectors, reading.decided, options)}
        if options.unit == "sentence":
            fields["sentences"] = [
                SentenceEmbedding(start, end, _average(vectors[rows], [reading.decided[row] for row in rows], options))
                for start, end, rows in _sentences(reading)
            ]
        return fields


def _sentences(reading: Reading) -> list[tuple[int, int, list[int]]]:
    """Return start and end of each sentence in the text, and the windows that it was read in."""
    encoding = reading.encoding
    if not len(encoding):
        return []
    number = np.searchsorted(encoding.sentence_starts, [window.start for window in reading.windows], side="right")
    sentences = []
    for _, group in groupby(range(len(reading.windows)), key=lambda row: number[row]):
        rows = list(group)
        first, last = reading.windows[rows[0]].start, reading.windows[rows[-1]].stop - 1
        sentences.append((int(encoding.offsets[first, 0]), int(encoding.offsets[last, 1]), rows))
    return sentences


def _average(vectors: np.ndarray, weights: list[int], options: EmbeddingOptions) -> np.ndarray:
    if options.normalize:
        vectors = _normalized(vectors)
    averaged = np.average(vectors, axis=0, weights=weights)
    return (_normalized(averaged) if options.normalize else averaged).astype(np.float32)


def _normalized(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


TASK = EmbeddingTask()
