"""Assertion of given entities: what a note says of each, as its checkpoint for ``ner`` has learnt it, or by rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from ..data.labels import LabelMap
from ..data.spans import Span, spans_of_words
from ..documents import Annotation, Reader
from ..documents.assertion.assertion import assert_entities
from ..documents.assertion.labels import PRESENT, join_label, split_label
from ..documents.reading import Unit
from ..errors import NlpieError
from ..metrics.counts import Count, count_spans
from ._assertions import read_tags, with_rules
from ._entities import as_entities
from ._task import TOKENS, Head, Plan, Row, Task, decided_rows, plan_text, softmax
from .ner import TASK as NER


@dataclass(frozen=True)
class AssertionOptions:
    """How assertions are found.

    Attributes:
        method: ``model``: as the checkpoint has learnt it; ``rules``: by those of
            :mod:`nlpie_models.documents.assertion.assertion`; ``both``: the better of the two by kind of evidence, as
            ``ner`` with ``assertion=True``.
        unit: As for ``ner``.
    """

    method: Literal["both", "model", "rules"] = "both"
    unit: Unit = "window"


class AssertionTask(Task):
    """Assertion of the entities of a row. A gold answer is that of ``ner``; spans without an assertion do not count.

    Models learn it together with their entities, from rows whose entities have an ``assertion``.
    """

    name = "assertion"
    summary = "what a note says of given entities: negated, uncertain, historical, family or conditional"
    auto_class = TOKENS
    head_of = "ner"
    output = "logits"
    field = "entities"
    optional_inputs = ("entities",)
    options = AssertionOptions
    metric = "f1"
    labelled_row = "`text` and `entities` (each with `start`, `end`, `label`, `assertion`)"
    hub_pipeline = "token-classification"
    usage = '("No fever.", entities=[{"start": 3, "end": 8, "label": "problem"}]).entities'
    sample: ClassVar[Row] = {"text": "No fever.", "entities": [{"start": 3, "end": 8, "label": "problem"}]}

    def plan(self, row: Row, reader: Reader, options: AssertionOptions) -> Plan:
        """Read the text as ``ner`` does, and keep the row's entities."""
        if "entities" not in row:
            raise NlpieError("assertion needs entities; ner with assertion=True finds them as well")
        entities = as_entities(row["entities"], row["text"])
        plan = plan_text(row["text"], replace(reader, unit=options.unit))
        return replace(plan, reading=(plan.reading, entities))

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
        """Return the probability of each tag for the tokens that a window decides (tokens, C)."""
        reading, _ = plan.reading
        return softmax(decided_rows(output, reading.windows[index]))

    def finish(self, plan: Plan, parts: list[np.ndarray], head: Head, options: AssertionOptions) -> dict[str, Any]:
        """Return the row's entities with their assertions; the score is that of the assertion."""
        reading, entities = plan.reading
        tags = read_tags(head.labels)
        if options.method == "rules":
            return {"entities": assert_entities(plan.text, entities)}
        encoding = reading.encoding
        seen = encoding.first_tokens >= 0
        probabilities = np.concatenate(parts)[encoding.first_tokens[seen]] if parts else np.zeros((0, len(head.labels)))
        asserted = []
        for entity in entities:
            touched = spans_of_words(encoding.words[seen], [(entity.start, entity.end, entity.label)])
            if touched:
                [(first, stop, _)] = touched
                assertion, score = tags.assertion_of(entity.label, probabilities[first:stop])
                entity = replace(entity, assertion=assertion, score=score)
            asserted.append(entity)
        if options.method == "both":
            asserted = with_rules(plan.text, asserted, [entity.score for entity in asserted], tags)
        return {"entities": asserted}

    def reads(self, labels: Sequence[str]) -> bool:
        """Whether tags say assertions."""
        return bool(read_tags(tuple(labels)).columns)

    def gold_of(self, row: Row, labels: LabelMap) -> tuple[Span, ...]:
        """Return the row's spans, labelled with their assertions."""
        return NER.gold_of(row, labels)

    def gold_labels(self, golds: Sequence[Sequence[Span]]) -> set[str]:
        """Return none: the entities are given, whatever their labels."""
        return set()

    def labels_of(self, golds: Sequence[Sequence[Span]]) -> list[str]:
        """Return the tags of ``ner``."""
        return NER.labels_of(golds)

    def targets(self, plan: Plan, gold: Sequence[Span], labels: Sequence[str]) -> list[np.ndarray]:
        """Return the tags of the tokens, as ``ner`` does."""
        return NER.targets(replace(plan, reading=plan.reading[0]), gold, labels)

    def predicted_of(self, annotation: Annotation) -> tuple[Span, ...]:
        """Return the entities as spans, labelled with their assertions."""
        return tuple(
            (entity.start, entity.end, join_label(entity.label, entity.assertion or PRESENT))
            for entity in annotation.entities
        )

    def confidences(self, gold: Sequence[Span], annotation: Annotation) -> list[tuple[float, bool]]:
        """Return the score of each entity that has a gold assertion, and whether its assertion is correct."""
        golds = _asserted(gold)
        return [
            (entity.score, golds[entity.start, entity.end] == (entity.assertion or PRESENT))
            for entity in annotation.entities
            if (entity.start, entity.end) in golds
        ]

    def count(self, gold: Sequence[Span], predicted: Sequence[Span]) -> Mapping[str, Count]:
        """Count the assertions of the spans that have a gold one; micro-averaged F1 is then their accuracy."""
        golds, answers = _asserted(gold), _asserted(predicted)
        return count_spans(
            [(*span, assertion) for span, assertion in golds.items()],
            [(*span, assertion) for span, assertion in answers.items() if span in golds],
        )


def _asserted(gold: Sequence[Span]) -> dict[tuple[int, int], str]:
    """Return the assertion of each span that has one."""
    split = ((start, end, split_label(label)[1]) for start, end, label in gold)
    return {(start, end): assertion for start, end, assertion in split if assertion}


TASK = AssertionTask()
