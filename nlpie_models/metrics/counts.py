"""Count true positives, predictions and gold answers in each document, and compute scores from the counts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.spans import Span

Count = tuple[int, int, int, int]
"""Of one label in one document: true positives, predicted, gold answers that are matched, gold."""

TP, PREDICTED, MATCHED, GOLD = range(4)
_PLACES = 4
_CHUNK = 100


@dataclass(frozen=True)
class LabelScores:
    """Scores of one label over all documents, rounded, and the counts that they follow from.

    Attributes:
        precision: Share of the predicted that are true positives; 0 if nothing is predicted.
        recall: Share of the gold answers that are matched; 0 if there is none.
        f1: Harmonic mean of the two.
        tp: True positives.
        predicted: Predictions.
        gold: Gold answers.
    """

    precision: float
    recall: float
    f1: float
    tp: int
    predicted: int
    gold: int


def count_spans(gold: Collection[Span], predicted: Collection[Span]) -> dict[str, Count]:
    """Count spans (start, end, label) strictly: a true positive has the start, the end and the label of a gold span."""
    return _count(set(gold), set(predicted), lambda span, others: span in others)


def count_overlapping_spans(gold: Collection[Span], predicted: Collection[Span]) -> dict[str, Count]:
    """Count spans (start, end, label) leniently: a true positive shares a character with a gold span of its label.

    This is the "inexact" match of the i2b2 and n2c2 shared tasks. Several predicted spans may overlap one gold span, so
    recall counts the gold spans that are matched, and precision the predicted spans that match.
    """
    return _count(
        set(gold), set(predicted), lambda span, others: any(a < span[1] and span[0] < b for a, b, _ in others)
    )


def overlap_scores(golds: Sequence[Collection[Span]], predictions: Sequence[Collection[Span]]) -> dict[str, float]:
    """Return ``overlap_precision``, ``overlap_recall`` and ``overlap_f1`` of documents, micro-averaged over the labels.

    A span counts if it shares a character with a span of its label on the other side: precision is the share of the
    predicted spans that do, recall the share of the gold spans.
    """
    scores = Outcomes.of(list(map(count_overlapping_spans, golds, predictions))).scores()
    return {f"overlap_{name}": scores[name] for name in ("precision", "recall", "f1")}


def count_labels(gold: str | Collection[str], predicted: str | Collection[str] | None) -> dict[str, Count]:
    """Count the one label, or the set of independent labels, of a document."""
    golds, answers = ({labels} if isinstance(labels, str) else set(labels or ()) for labels in (gold, predicted))
    return {
        label: (label in golds & answers, label in answers, label in golds & answers, label in golds)
        for label in golds | answers
    }


def _count(gold: set[Span], predicted: set[Span], matches: Callable[[Span, set[Span]], bool]) -> dict[str, Count]:
    counts = {}
    for label in {span[2] for span in gold | predicted}:
        golds, answers = ({span for span in spans if span[2] == label} for spans in (gold, predicted))
        tp = sum(matches(span, golds) for span in answers)
        matched = sum(matches(span, answers) for span in golds)
        counts[label] = (tp, len(answers), matched, len(golds))
    return counts


@dataclass(frozen=True)
class Outcomes:
    """The counts of every document, from which every score and its interval follow.

    Attributes:
        labels: The labels, in alphabetical order.
        counts: True positives, predicted, matched and gold (documents, labels, 4).
    """

    labels: tuple[str, ...]
    counts: np.ndarray

    @classmethod
    def of(cls, counted: Sequence[Mapping[str, Count]]) -> "Outcomes":
        """Return the outcomes of documents from the counts of each by label."""
        labels = tuple(sorted(set().union(*counted)))
        counts = np.zeros((len(counted), len(labels), 4), dtype=np.int64)
        for document, row in enumerate(counted):
            for index, label in enumerate(labels):
                counts[document, index] = row.get(label, 0)
        return cls(labels, counts)

    def with_labels(self, labels: Iterable[str]) -> "Outcomes":
        """Return the same outcomes with these labels added, in alphabetical order; their counts are 0."""
        together = tuple(sorted({*self.labels, *labels}))
        counts = np.zeros((len(self.counts), len(together), 4), dtype=np.int64)
        counts[:, [together.index(label) for label in self.labels]] = self.counts
        return Outcomes(together, counts)

    def score(self, metric: str) -> float:
        """Return one score over all documents; see ``METRICS``."""
        return float(METRICS[metric](self.counts.sum(axis=0)))

    def scores(self) -> dict[str, float]:
        """Return every score that applies, rounded; accuracy only where every document has exactly one gold label."""
        total = self.counts.sum(axis=0)
        one_label = bool((self.counts[..., GOLD].sum(axis=1) == 1).all())
        return {
            name: round(float(metric(total)), _PLACES)
            for name, metric in METRICS.items()
            if name != "accuracy" or one_label
        }

    def label_scores(self) -> dict[str, LabelScores]:
        """Return the scores of each label."""
        return dict(zip(self.labels, map(_label_scores, self.counts.sum(axis=0)), strict=True))

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


def best_threshold(scores: Sequence[float], correct: Sequence[bool], gold: int) -> float:
    """Return the threshold with the best F1, halfway between two neighbouring scores; 0.5 if no answer is correct.

    Args:
        scores: Score of each candidate answer, which is given from the threshold on (N,).
        correct: Whether each is correct (N,).
        gold: Number of gold answers.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    values, tp = np.asarray(scores)[order], np.cumsum(np.asarray(correct)[order])
    if not tp[-1]:
        return 0.5
    f1 = 2 * tp / (np.arange(1, len(values) + 1) + gold)
    f1[:-1][values[:-1] == values[1:]] = 0.0
    best = int(f1.argmax())
    below = values[best + 1] if best + 1 < len(values) else 0.0
    return round(float(values[best] + below) / 2, 6)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)


def _precision(counts: np.ndarray) -> np.ndarray:
    return _ratio(counts[..., TP], counts[..., PREDICTED])


def _recall(counts: np.ndarray) -> np.ndarray:
    return _ratio(counts[..., MATCHED], counts[..., GOLD])


def _f1(counts: np.ndarray) -> np.ndarray:
    precision, recall = _precision(counts), _recall(counts)
    return _ratio(2 * precision * recall, precision + recall)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 over the labels that have a gold answer."""
    in_gold = counts[..., GOLD] > 0
    return _ratio((_f1(counts) * in_gold).sum(axis=-1), in_gold.sum(axis=-1))


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "precision": lambda counts: _precision(counts.sum(axis=-2)),
    "recall": lambda counts: _recall(counts.sum(axis=-2)),
    "f1": lambda counts: _f1(counts.sum(axis=-2)),
    "macro_f1": _macro_f1,
    "accuracy": lambda counts: _recall(counts.sum(axis=-2)),
}
"""Scores of counts (..., labels, 4). Precision, recall and F1 are micro-averaged over the labels; accuracy is the share
of documents whose one label is predicted."""


def _label_scores(counts: np.ndarray) -> LabelScores:
    precision, recall, f1 = (round(float(score(counts)), _PLACES) for score in (_precision, _recall, _f1))
    return LabelScores(precision, recall, f1, int(counts[TP]), int(counts[PREDICTED]), int(counts[GOLD]))
