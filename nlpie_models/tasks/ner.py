"""Named entities: one tag a word, decided at the word's first piece, one BIO decode over the whole text.

``unit="sentence"`` reads each sentence by itself, for a checkpoint that was taught so: no entity runs over a sentence's
edge, and ``on_long`` is about a sentence longer than the window. ``window`` (default) reads as much at once as the
window takes. With ``assertion=True`` each entity is also marked as negated, uncertain, historical, family
or conditional where the note says so, by rules (:mod:`nlpie_models.documents.assertion`).
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data.labels import LabelMap
from ..data.spans import Span, resolve_overlaps, spans_of_words
from ..documents import Annotation, Encoding, Entity, Reader, Reading
from ..documents.assertion import assert_entities
from ..documents.bio import decode_bio, encode_bio
from ..documents.reading import Unit
from ..errors import DataError
from ..scoring import count_spans
from ._task import TOKENS, Head, Plan, Row, Supervision, Task, decided_rows, softmax

UNLABELLED = -100


@dataclass(frozen=True)
class NerOptions:
    """See the module."""

    assertion: bool = False
    unit: Unit = "window"


def _plan(row: Row, reader: Reader, options: NerOptions) -> Plan:
    reading = replace(reader, unit=options.unit).read(row["text"])
    return Plan(row["text"], [reader.passage(ids) for ids in reading.ids], reading.coverage, reading)


def _reduce(plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
    return softmax(decided_rows(output, plan.reading.windows[index]))


def _finish(plan: Plan, parts: list[np.ndarray], head: Head, options: NerOptions) -> dict[str, Any]:
    encoding = plan.reading.encoding
    seen = encoding.first_tokens >= 0
    words = encoding.words[seen]
    probabilities = np.concatenate(parts)[encoding.first_tokens[seen]]
    tags = [head.labels[index] for index in probabilities.argmax(axis=-1)]
    scores = probabilities.max(axis=-1)
    entities = []
    for first, stop, label in decode_bio(tags, _edges(encoding, options)):
        start, end = int(words[first, 0]), int(words[stop - 1, 1])
        score = float(scores[first:stop].mean())
        entities.append(Entity(start=start, end=end, label=label, text=encoding.text[start:end], score=score))
    if options.assertion:
        entities = assert_entities(encoding.text, entities)
    return {"entities": entities}


def _edges(encoding: Encoding, options: NerOptions) -> Container[int]:
    """Return which words begin something that was read by itself: no entity runs on into it."""
    starts = encoding.sentence_starts if options.unit == "sentence" else ()
    return set(np.searchsorted(encoding.word_starts, starts).tolist())


def _gold(row: Row, labels: LabelMap) -> tuple[Span, ...]:
    """Return the spans, mapped first and then freed of overlap; labels that are not in the map are left out."""
    spans = [(entity["start"], entity["end"], entity["label"]) for entity in row["entities"]]
    if any(not 0 <= start < end <= len(row["text"]) for start, end, _ in spans):
        raise ValueError("an entity lies outside the text")
    if labels.names:
        spans = [(start, end, labels.names[label]) for start, end, label in spans if label in labels.names]
    return resolve_overlaps(spans, labels.prefer)


def _labels(golds: Sequence[Sequence[Span]]) -> list[str]:
    names = sorted({label for spans in golds for *_, label in spans})
    if not names:
        raise DataError("no row has an entity with one of the labels")
    return ["O", *(f"{prefix}-{name}" for name in names for prefix in "BI")]


def _targets(plan: Plan, gold: Sequence[Span], labels: Sequence[str]) -> list[np.ndarray]:
    """Return the tag of each token of each passage, -100 but at the first piece of each word."""
    reading: Reading = plan.reading
    encoding, index = reading.encoding, {tag: number for number, tag in enumerate(labels)}
    tags = encode_bio(len(encoding.words), spans_of_words(encoding.words, gold))
    targets = np.full(len(encoding), UNLABELLED)
    seen = encoding.first_tokens >= 0
    targets[encoding.first_tokens[seen]] = [index[tag] for tag, kept in zip(tags, seen, strict=True) if kept]
    return [np.pad(targets[window.start : window.stop], 1, constant_values=UNLABELLED) for window in reading.windows]


def _answer(annotation: Annotation) -> tuple[Span, ...]:
    return tuple((entity.start, entity.end, entity.label) for entity in annotation.entities)


def _confidences(gold: Sequence[Span], annotation: Annotation) -> list[tuple[float, bool]]:
    return [(entity.score, (entity.start, entity.end, entity.label) in gold) for entity in annotation.entities]


TASK = Task(
    name="ner",
    aliases=("token-classification",),
    summary="named entities with exact character offsets",
    auto_class=TOKENS,
    gives="entities",
    output="logits",
    plan=_plan,
    reduce=_reduce,
    finish=_finish,
    options=NerOptions,
    supervision=Supervision(
        gold=_gold,
        labels=_labels,
        targets=_targets,
        answer=_answer,
        confidences=_confidences,
        count=count_spans,
        metric="f1",
    ),
)
