"""Scores of answers against gold answers: numbers by name, and under ``labels`` those of each label."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Scores = dict[str, Any]
_PLACES = 4


def score_spans(gold: Sequence[Iterable[tuple]], predicted: Sequence[Iterable[tuple]]) -> Scores:
    """Return strict precision, recall and F1, micro-averaged over all spans, and those of each label.

    A predicted span counts if its start, end and label are all those of a gold one.

    Args:
        gold: Gold spans (start, end, label) of each document.
        predicted: Predicted spans of each document, in the same order.
    """
    pairs = [(set(wanted), set(found)) for wanted, found in zip(gold, predicted, strict=True)]
    names = sorted({span[2] for pair in pairs for spans in pair for span in spans})

    def count(label: str | None) -> Scores:
        kept = [[{span for span in spans if label in (None, span[2])} for spans in pair] for pair in pairs]
        return _ratios(
            correct=sum(len(wanted & found) for wanted, found in kept),
            predicted=sum(len(found) for _, found in kept),
            gold=sum(len(wanted) for wanted, _ in kept),
        )

    return {**count(None), "labels": {name: count(name) for name in names}}


def score_classes(gold: Sequence[str], predicted: Sequence[str | None]) -> Scores:
    """Return accuracy (which is micro F1) and macro F1 over the gold labels, and the scores of each label."""
    correct = sum(wanted == found for wanted, found in zip(gold, predicted, strict=True))
    labels = {
        name: _count([wanted == name for wanted in gold], [found == name for found in predicted])
        for name in sorted(set(gold))
    }
    return {"accuracy": round(correct / max(1, len(gold)), _PLACES), "macro_f1": _macro(labels), "labels": labels}


def score_label_sets(gold: Sequence[frozenset[str]], predicted: Sequence[frozenset[str]]) -> Scores:
    """Return micro and macro F1 of independent labels over the labels of the gold answers, and those of each label."""
    labels = {
        name: _count([name in wanted for wanted in gold], [name in found for found in predicted])
        for name in sorted(set().union(*gold))
    }
    total = _ratios(*(sum(row[key] for row in labels.values()) for key in ("correct", "predicted", "gold")))
    return {"micro_f1": total["f1"], "macro_f1": _macro(labels), "labels": labels}


def best_thresholds(gold: Sequence[frozenset[str]], scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return for each label the threshold with the best F1 for it, halfway between two neighbouring scores."""
    thresholds = {}
    for label in scores[0]:
        values = np.array([row[label] for row in scores])
        wanted = np.array([label in names for names in gold])
        order = np.argsort(-values, kind="stable")
        values, correct = values[order], np.cumsum(wanted[order])
        f1 = 2 * correct / (np.arange(1, len(values) + 1) + wanted.sum())
        f1[:-1][values[:-1] == values[1:]] = 0.0
        best = int(f1.argmax())
        below = values[best + 1] if best + 1 < len(values) else 0.0
        thresholds[label] = round(float(values[best] + below) / 2, 6) if correct[-1] else 0.5
    return thresholds


def bootstrap(
    score: Callable[[Sequence[Any], Sequence[Any]], float],
    gold: Sequence[Any],
    answers: Sequence[Any],
    *,
    samples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95% percentile interval of a score when documents are drawn anew with replacement."""
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(len(gold), size=len(gold)) for _ in range(samples)]
    values = [score([gold[i] for i in indices], [answers[i] for i in indices]) for indices in drawn]
    low, high = np.percentile(values, [2.5, 97.5])
    return round(float(low), _PLACES), round(float(high), _PLACES)


def _count(wanted: Sequence[bool], found: Sequence[bool]) -> Scores:
    return _ratios(sum(a and b for a, b in zip(wanted, found, strict=True)), sum(found), sum(wanted))


def _ratios(correct: int, predicted: int, gold: int) -> Scores:
    ratios = {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
    }
    rounded = {name: round(value, _PLACES) for name, value in ratios.items()}
    return {**rounded, "correct": correct, "predicted": predicted, "gold": gold}


def _macro(labels: Mapping[str, Scores]) -> float:
    return round(float(np.mean([row["f1"] for row in labels.values()])), _PLACES) if labels else 0.0
