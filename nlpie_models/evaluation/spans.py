"""Strict span scores: a predicted entity counts if start, end and label are all those of a gold one."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..data.spans import Span


@dataclass(frozen=True)
class Score:
    """Counts of one label, or of all (micro average)."""

    correct: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.predicted + self.gold
        return 2 * self.correct / total if total else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return the counts and the scores made of them, rounded to 4 places."""
        ratios = {name: round(getattr(self, name), 4) for name in ("precision", "recall", "f1")}
        return {**ratios, **asdict(self)}


def score_spans(gold: Sequence[Iterable[Span]], predicted: Sequence[Iterable[Span]]) -> dict[str, Score]:
    """Return the score of each label, and under ``micro`` of all together.

    Args:
        gold: Gold spans (start, end, label) of each document.
        predicted: Predicted spans of each document, in the same order.
    """
    pairs = [(set(wanted), set(found)) for wanted, found in zip(gold, predicted, strict=True)]
    labels = sorted({span[2] for pair in pairs for spans in pair for span in spans})

    def count(label: str | None) -> Score:
        kept = [[{span for span in spans if label in (None, span[2])} for spans in pair] for pair in pairs]
        return Score(
            correct=sum(len(wanted & found) for wanted, found in kept),
            predicted=sum(len(found) for _, found in kept),
            gold=sum(len(wanted) for wanted, _ in kept),
        )

    return {"micro": count(None), **{label: count(label) for label in labels}}


def bootstrap_f1(
    gold: Sequence[Iterable[Span]], predicted: Sequence[Iterable[Span]], *, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95% percentile interval of micro F1 when documents are drawn anew with replacement."""
    pairs = [(set(wanted), set(found)) for wanted, found in zip(gold, predicted, strict=True)]
    counts = np.array([(len(wanted & found), len(wanted) + len(found)) for wanted, found in pairs])
    drawn = np.random.default_rng(seed).integers(len(pairs), size=(samples, len(pairs)))
    correct, total = counts[drawn].sum(axis=1).T
    low, high = np.percentile(2 * correct / np.maximum(total, 1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)
