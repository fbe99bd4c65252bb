"""Named entities: one tag a word, decided at the word's first piece, and one BIO decode over the whole text."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from ..data.labels import LabelMap
from ..data.spans import Span, read_spans, resolve_overlaps, spans_of_words
from ..documents import Annotation, Encoding, Entity, Reader, Reading
from ..documents.assertion.assertion import assert_entities
from ..documents.assertion.labels import join_label, without_assertions
from ..documents.bio import decode_bio, encode_bio, split_tag
from ..documents.reading import Unit
from ..documents.words import find_cell_starts
from ..errors import DataError, NlpieError
from ..metrics.counts import Count, count_spans
from ..util.targets import IGNORED
from ._assertions import read_tags, with_rules
from ._entities import warn_of_edges
from ._task import TOKENS, Head, Plan, Row, Task, decided_rows, plan_text, softmax


@dataclass(frozen=True)
class NerOptions:
    """How a text is read, and what its entities say.

    Attributes:
        assertion: Mark entities as negated, uncertain, historical, family or conditional where the note says so:
            ``model`` as the checkpoint has learnt it, ``rules`` by those of
            :mod:`nlpie_models.documents.assertion.assertion`; True for the better of the two by kind of evidence, or
            the rules alone where the model has learnt none.
        unit: ``window``: as much is read at once as the window takes; ``sentence``: each sentence is read by itself,
            for a checkpoint that was trained so. No entity then runs over a sentence's edge, and ``on_long`` is about
            a sentence that is longer than the window.
        score: What an entity's score is: ``mean``: the mean probability of its words' tags, as transformers has it;
            ``joint``: the probability that all of them are right and the next word does not go on, which tells better
            how often an entity is found as it should be.
    """

    assertion: bool | Literal["model", "rules"] = False
    unit: Unit = "window"
    score: Literal["mean", "joint"] = "mean"


class NerTask(Task):
    """Named entity recognition. A gold answer is a tuple of spans (start, end, label) without overlap.

    The label of a gold span says the entity's assertion as well, if the row does (``problem/negated``): models learn
    both, and scores of this task leave it out; see the task ``assertion``.
    """

    name = "ner"
    aliases = ("token-classification",)
    summary = "named entities with exact character offsets"
    auto_class = TOKENS
    output = "logits"
    field = "entities"
    options = NerOptions
    metric = "f1"
    labelled_row = (
        "`text` and `entities` (each with `start`, `end`, `label`, and `assertion` if it is to be learnt), or `tokens` "
        "and `ner_tags`"
    )
    hub_pipeline = "token-classification"
    usage = '("She was given aspirin for pneumonia.").entities'
    sample: ClassVar[Row] = {"text": "She was given aspirin for pneumonia. An MRI of the chest was normal."}

    def plan(self, row: Row, reader: Reader, options: NerOptions) -> Plan:
        """Read the text in windows or sentences."""
        return plan_text(row["text"], replace(reader, unit=options.unit))

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
        """Return the probability of each tag for the tokens that a window decides (tokens, C)."""
        return softmax(decided_rows(output, plan.reading.windows[index]))

    def finish(self, plan: Plan, parts: list[np.ndarray], head: Head, options: NerOptions) -> dict[str, Any]:
        """Decode the tags of all words into entities."""
        encoding = plan.reading.encoding
        seen = encoding.first_tokens >= 0
        words = encoding.words[seen]
        tags = read_tags(head.labels)
        probabilities = np.concatenate(parts)[encoding.first_tokens[seen]]
        merged = tags.merge(probabilities)
        best = [tags.tags[index] for index in merged.argmax(axis=-1)]
        scores = merged.max(axis=-1)
        by_model = options.assertion in (True, "model") and bool(tags.columns)
        edges = _edges(encoding, options)
        entities, asserted = [], []
        for first, stop, label in decode_bio(best, edges):
            start, end = int(words[first, 0]), int(words[stop - 1, 1])
            score = float(scores[first:stop].mean())
            if options.score == "joint":
                goes_on = merged[stop, tags.continuing(label)].sum() if stop < len(best) and stop not in edges else 0.0
                score = float(scores[first:stop].prod() * (1.0 - goes_on))
            assertion, probability = tags.assertion_of(label, probabilities[first:stop]) if by_model else (None, 1.0)
            asserted.append(probability)
            entities.append(Entity(start, end, label, encoding.text[start:end], score, assertion))
        if options.assertion and not by_model:
            entities = assert_entities(encoding.text, entities)
        elif options.assertion is True:
            entities = with_rules(encoding.text, entities, asserted, tags)
        return {"entities": entities}

    def check_options(self, options: NerOptions, head: Head) -> None:
        """Refuse the model's assertions if it has learnt none."""
        if options.assertion == "model" and not read_tags(head.labels).columns:
            raise NlpieError("this checkpoint has learnt no assertions; use assertion=True or 'rules'")

    def gold_of(self, row: Row, labels: LabelMap) -> tuple[Span, ...]:
        """Return the row's spans, renamed first and then without overlap; spans of unmapped labels are left out."""
        read = read_spans(row["entities"], row["text"])
        spans = [span for span, _ in read]
        assertions = {(start, end): fields.get("assertion") for (start, end, _), fields in read}
        if labels.names:
            spans = [(start, end, labels.names[label]) for start, end, label in spans if label in labels.names]
        return tuple(
            (start, end, join_label(label, assertions[start, end]))
            for start, end, label in resolve_overlaps(spans, labels.prefer)
        )

    def read_labelled(self, rows: Iterable[tuple[str, Row]], labels: LabelMap) -> tuple[list[Row], list[Any]]:
        """Return labelled rows and their gold spans, and warn of spans that are not of whole words."""
        kept, golds = super().read_labelled(rows, labels)
        warn_of_edges(kept, golds)
        return kept, golds

    def gold_labels(self, golds: Sequence[Sequence[Span]]) -> set[str]:
        """Return the labels of gold spans, without their assertions."""
        return {label for spans in golds for *_, label in without_assertions(spans)}

    def predictable_labels(self, labels: Sequence[str]) -> set[str]:
        """Return the labels of the tags, without their assertions."""
        return {split_tag(tag)[1] for tag in read_tags(tuple(labels)).tags if tag != "O"}

    def labels_of(self, golds: Sequence[Sequence[Span]]) -> list[str]:
        """Return the tags: ``O``, and ``B-`` and ``I-`` of each label.

        Raises:
            DataError: There is no span at all.
        """
        names = sorted({label for spans in golds for *_, label in spans})
        if not names:
            raise DataError("no row has an entity with one of the labels")
        return ["O", *(f"{prefix}-{name}" for name in names for prefix in "BI")]

    def options_from(self, rows: Sequence[Row], golds: Sequence[Any]) -> dict[str, Any]:
        """Return the score that is best calibrated."""
        return {"score": "joint"}

    def targets(self, plan: Plan, gold: Sequence[Span], labels: Sequence[str]) -> list[np.ndarray]:
        """Return the tag of each token of each passage (L,), -100 but at the first piece of each word."""
        reading: Reading = plan.reading
        encoding, index = reading.encoding, {tag: number for number, tag in enumerate(labels)}
        tags = encode_bio(len(encoding.words), spans_of_words(encoding.words, gold))
        targets = np.full(len(encoding), IGNORED)
        seen = encoding.first_tokens >= 0
        targets[encoding.first_tokens[seen]] = [index[tag] for tag, kept in zip(tags, seen, strict=True) if kept]
        return [np.pad(targets[window.start : window.stop], 1, constant_values=IGNORED) for window in reading.windows]

    def predicted_of(self, annotation: Annotation) -> tuple[Span, ...]:
        """Return the entities as spans."""
        return tuple((entity.start, entity.end, entity.label) for entity in annotation.entities)

    def confidences(self, gold: Sequence[Span], annotation: Annotation) -> list[tuple[float, bool]]:
        """Return the score of each entity, and whether it is among the gold spans."""
        spans = set(without_assertions(gold))
        return [(entity.score, (entity.start, entity.end, entity.label) in spans) for entity in annotation.entities]

    def count(self, gold: Sequence[Span], predicted: Sequence[Span]) -> Mapping[str, Count]:
        """Count spans strictly, by start, end and label."""
        return count_spans(without_assertions(gold), without_assertions(predicted))


def _edges(encoding: Encoding, options: NerOptions) -> Container[int]:
    """Return the words before which no entity may run on: the first of each cell, and of what was read by itself."""
    starts = np.searchsorted(encoding.offsets[:, 0], find_cell_starts(encoding.text))
    if options.unit == "sentence":
        starts = np.union1d(starts, encoding.sentence_starts)
    return set(np.searchsorted(encoding.word_starts, starts).tolist())


TASK = NerTask()
