"""Named entities: one tag a word, decided at the word's first piece, one BIO decode over the whole text."""

from typing import Any

import numpy as np

from ..documents import Encoding, Entity, Window
from ..documents.bio import decode_bio
from ._task import Head, Task, decided_rows, softmax


def _reduce(encoding: Encoding, window: Window, output: np.ndarray, head: Head) -> np.ndarray:
    return softmax(decided_rows(output, window))


def _finish(encoding: Encoding, windows: list[Window], parts: list[np.ndarray], head: Head) -> dict[str, Any]:
    seen = encoding.first_tokens >= 0
    words = encoding.words[seen]
    probabilities = np.concatenate(parts)[encoding.first_tokens[seen]]
    tags = [head.labels[index] for index in probabilities.argmax(axis=-1)]
    scores = probabilities.max(axis=-1)
    entities = []
    for first, stop, label in decode_bio(tags):
        start, end = int(words[first, 0]), int(words[stop - 1, 1])
        score = float(scores[first:stop].mean())
        entities.append(Entity(start=start, end=end, label=label, text=encoding.text[start:end], score=score))
    return {"entities": entities}


TASK = Task(
    name="ner",
    aliases=("token-classification",),
    summary="named entities with exact character offsets",
    auto_class="AutoModelForTokenClassification",
    gives="entities",
    output="logits",
    reduce=_reduce,
    finish=_finish,
)
