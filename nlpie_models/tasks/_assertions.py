"""Tags that say an assertion beside the label, such as ``B-problem/negated``: one head for entity and assertion.

The probability of a label is the sum of those with its assertions, so spans do not depend on what is asserted of them;
the assertion of a span is the one with the highest probability over the words of the span, given its label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..documents import Entity
from ..documents.assertion.assertion import assert_with_answers
from ..documents.assertion.labels import PRESENT, split_label
from ..documents.bio import split_tag

_CONFIDENT = 0.9  # chosen on clinical_notes validation


@dataclass(frozen=True, eq=False)
class AssertedTags:
    """The tags of a head, told apart into labels and assertions.

    Attributes:
        tags: The tags without assertions (M,).
        projection: 1 where a tag of the head (C) has the label of a tag in ``tags`` (C, M).
        columns: For each label that has assertions: the columns of the head (C) with each assertion.
    """

    tags: tuple[str, ...]
    projection: np.ndarray
    columns: Mapping[str, Mapping[str, list[int]]]

    def merge(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the probabilities of ``tags`` (words, M), given those of the head's tags (words, C)."""
        return probabilities @ self.projection if self.columns else probabilities

    def continuing(self, label: str) -> list[int]:
        """Return the places in ``tags`` of those by which a span with this label goes on."""
        return [index for index, tag in enumerate(self.tags) if split_tag(tag) == ("I", label)]

    def assertion_of(self, label: str, probabilities: np.ndarray) -> tuple[str | None, float]:
        """Return the assertion of a span with a label, and its probability given the label.

        Args:
            label: The label.
            probabilities: Those of the head's tags for the words of the span (words, C).

        Returns:
            The assertion, None for ``present`` and for a label without assertions.
        """
        columns = self.columns.get(label)
        if not columns:
            return None, 1.0
        masses = np.array([probabilities[:, indices].sum() for indices in columns.values()])
        best = int(masses.argmax())
        assertion = list(columns)[best]
        return (None if assertion == PRESENT else assertion), float(masses[best] / max(masses.sum(), 1e-12))


def with_rules(
    text: str, entities: Sequence[Entity], probabilities: Sequence[float], tags: AssertedTags
) -> list[Entity]:
    """Return entities that a model has asserted, some as the rules find them, which know better by kind of evidence.

    The rules decide where the text answers in so many words or signs ("Fever: No", a ticked box), where the model finds
    something uncertain, or negated with little confidence, and where they find the family's history and it the past,
    or, with little confidence, nothing.

    Args:
        text: The text.
        entities: Its entities, with the assertions of the model.
        probabilities: That of each assertion.
        tags: The head's tags.
    """
    decided = []
    for entity, probability, (ruled, answered) in zip(
        entities, probabilities, assert_with_answers(text, entities), strict=True
    ):
        by_rules = answered or _rules_decide(entity.assertion, probability, ruled.assertion)
        decided.append(ruled if by_rules and entity.label in tags.columns else entity)
    return decided


def _rules_decide(by_model: str | None, probability: float, by_rules: str | None) -> bool:
    if by_rules == "family":
        return by_model in ("uncertain", "historical") or (by_model is None and probability < _CONFIDENT)
    return by_model == "uncertain" or (by_model == "negated" and probability < _CONFIDENT)


@cache
def read_tags(labels: Sequence[str]) -> AssertedTags:
    """Return how the labels of a head's logits are told apart."""
    merged: dict[str, int] = {}
    where: list[int] = []
    columns: dict[str, dict[str, list[int]]] = {}
    for index, tag in enumerate(labels):
        prefix, joined = split_tag(tag)
        label, assertion = split_label(joined)
        plain = tag if assertion is None else f"{prefix}-{label}"
        where.append(merged.setdefault(plain, len(merged)))
        if assertion:
            columns.setdefault(label, {}).setdefault(assertion, []).append(index)
    projection = np.zeros((len(labels), len(merged)), dtype=np.float32)
    projection[np.arange(len(labels)), where] = 1.0
    return AssertedTags(tuple(merged), projection, columns)
