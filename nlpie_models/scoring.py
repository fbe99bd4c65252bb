"""Scores: what is right, found and wanted in each document, label by label, and the numbers that follow from it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Scores = dict[str, Any]
Span = tuple[int, int, str]
Count = tuple[int, int, int, int]
"""Of one label in one document: how many of the found are right, found; how many of the wanted are met, wanted."""

RIGHT, FOUND, MET, WANTED = range(4)
_PLACES = 4
_CHUNK = 100


def count_spans(gold: Collection[Span], found: Collection[Span]) -> dict[str, Count]:
    """Count spans (start, end, label) strictly: one is right if its start, end and label are those of a gold one."""
    return _count(set(gold), set(found), lambda span, others: span in others)


def count_overlapping_spans(gold: Collection[Span], found: Collection[Span]) -> dict[str, Count]:
    """Count spans (start, end, label) leniently: one is right if it shares a character with a gold one of its label.

    This is the "inexact" match of the i2b2 and n2c2 shared tasks. The gold spans that are met, for the recall, are
    counted apart from the found ones that are right, for the precision.
    """
    return _count(set(gold), set(found), lambda span, others: any(a < span[1] and span[0] < b for a, b, _ in others))


def count_labels(gold: str | Collection[str], found: str | Collection[str] | None) -> dict[str, Count]:
    """Count one label, or a set of independent labels, of a document."""
    wanted, answered = ({labels} if isinstance(labels, str) else set(labels or ()) for labels in (gold, found))
    return {
        label: (label in wanted & answered, label in answered, label in wanted & answered, label in wanted)
        for label in wanted | answered
    }


def _count(gold: set[Span], found: set[Span], matches: Callable[[Span, set[Span]], bool]) -> dict[str, Count]:
    counts = {}
    for label in {span[2] for span in gold | found}:
        wanted, answered = ({span for span in spans if span[2] == label} for spans in (gold, found))
        right = sum(matches(span, wanted) for span in answered)
        met = sum(matches(span, answered) for span in wanted)
        counts[label] = (right, len(answered), met, len(wanted))
    return counts


@dataclass(frozen=True)
class Outcomes:
    """The counts of every document, from which every score and its interval follow.

    Attributes:
        labels: The labels.
        counts: Right, found, met and wanted (documents, labels, 4).
    """

    labels: tuple[str, ...]
    counts: np.ndarray

    @classmethod
    def of(cls, counted: Sequence[Mapping[str, Count]]) -> "Outcomes":
        """Put the counts of documents together."""
        labels = tuple(sorted(set().union(*counted)))
        counts = np.zeros((len(counted), len(labels), 4), dtype=np.int64)
        for document, row in enumerate(counted):
            for index, label in enumerate(labels):
                counts[document, index] = row.get(label, 0)
        return cls(labels, counts)

    def with_labels(self, labels: Iterable[str]) -> "Outcomes":
        """Return the same with room for these labels too, in alphabetical order."""
        together = tuple(sorted({*self.labels, *labels}))
        counts = np.zeros((len(self.counts), len(together), 4), dtype=np.int64)
        counts[:, [together.index(label) for label in self.labels]] = self.counts
        return Outcomes(together, counts)

    def score(self, metric: str) -> float:
        """Return one score over all documents; see ``METRICS``."""
        return float(METRICS[metric](self.counts.sum(axis=0)))

    def scores(self) -> Scores:
        """Return every score that fits, rounded, and under ``labels`` those of each label."""
        total = self.counts.sum(axis=0)
        one_label = bool((self.counts[..., WANTED].sum(axis=1) == 1).all())
        found = {
            name: round(float(metric(total)), _PLACES)
            for name, metric in METRICS.items()
            if name != "accuracy" or one_label
        }
        return {**found, "labels": dict(zip(self.labels, map(_label_scores, total), strict=True))}

    def resampled(self, metric: str, weights: np.ndarray) -> np.ndarray:
        """Return a score (S,) for each row of how often each document is drawn (S, documents)."""
        flat = self.counts.reshape(len(self.counts), -1)
        return METRICS[metric]((weights.astype(np.float64) @ flat).reshape(len(weights), *self.counts.shape[1:]))

    def interval(self, metric: str, *, samples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """Return the 95% percentile interval of a score when documents are drawn anew with replacement."""
        values = [self.resampled(metric, weights) for weights in draws(len(self.counts), samples, seed)]
        low, high = np.percentile(np.concatenate(values), [2.5, 97.5])
        return round(float(low), _PLACES), round(float(high), _PLACES)


def draws(documents: int, samples: int, seed: int) -> Iterable[np.ndarray]:
    """Draw documents with replacement: how often each is drawn (S, documents), a part of the samples at a time."""
    rng = np.random.default_rng(seed)
    chances = np.full(documents, 1 / documents)
    for done in range(0, samples, _CHUNK):
        yield rng.multinomial(documents, chances, size=min(_CHUNK, samples - done))


def best_threshold(scores: Sequence[float], right: Sequence[bool], wanted: int) -> float:
    """Return the threshold with the best F1, halfway between two neighbouring scores; 0.5 if none is right.

    Args:
        scores: Of the answers that are given from the threshold on.
        right: Whether each is right.
        wanted: How many answers there are to find.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    values, correct = np.asarray(scores)[order], np.cumsum(np.asarray(right)[order])
    if not correct[-1]:
        return 0.5
    f1 = 2 * correct / (np.arange(1, len(values) + 1) + wanted)
    f1[:-1][values[:-1] == values[1:]] = 0.0
    best = int(f1.argmax())
    below = values[best + 1] if best + 1 < len(values) else 0.0
    return round(float(values[best] + below) / 2, 6)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)


def _precision(counts: np.ndarray) -> np.ndarray:
    return _ratio(counts[..., RIGHT], counts[..., FOUND])


def _recall(counts: np.ndarray) -> np.ndarray:
    return _ratio(counts[..., MET], counts[..., WANTED])


def _f1(counts: np.ndarray) -> np.ndarray:
    precision, recall = _precision(counts), _recall(counts)
    return _ratio(2 * precision * recall, precision + recall)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean over the labels that are wanted at all."""
    wanted = counts[..., WANTED] > 0
    return _ratio((_f1(counts) * wanted).sum(axis=-1), wanted.sum(axis=-1))


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "precision": lambda counts: _precision(counts.sum(axis=-2)),
    "recall": lambda counts: _recall(counts.sum(axis=-2)),
    "f1": lambda counts: _f1(counts.sum(axis=-2)),
    "macro_f1": _macro_f1,
    "accuracy": lambda counts: _recall(counts.sum(axis=-2)),
}
"""Scores of counts (..., labels, 4). Precision, recall and F1 are micro-averaged over the labels; accuracy is the share
of documents with their one label right."""


def _label_scores(counts: np.ndarray) -> Scores:
    ratios = {"precision": _precision(counts), "recall": _recall(counts), "f1": _f1(counts)}
    rounded = {name: round(float(value), _PLACES) for name, value in ratios.items()}
    return {**rounded, "right": int(counts[RIGHT]), "found": int(counts[FOUND]), "gold": int(counts[WANTED])}
