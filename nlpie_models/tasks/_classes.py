"""What classification and inference share: pooling of windows, labels over thresholds, supervision."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..data.labels import LabelMap
from ..documents import Annotation, Classification
from ..errors import DataError
from ..scoring import best_threshold, count_labels
from ._task import Head, Plan, Row, Supervision, sigmoid, softmax

Pooling = Literal["mean", "max", "first", "decisive"]
_THRESHOLD = 0.5


def reduce_to_probabilities(plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
    """Return the probability of each label in one passage (C,)."""
    return sigmoid(output) if head.multi_label else softmax(output)


def pool(probabilities: np.ndarray, weights: Sequence[int], pooling: Pooling, neutral: int | None = None) -> np.ndarray:
    """Put the probabilities (W, C) of a text's windows together (C,).

    Args:
        probabilities: Of each label in each window.
        weights: Tokens that each window decides.
        pooling: ``mean``: weighted by tokens; ``max``: each label's best window; ``first``: the first window;
            ``decisive``: the window that is surest of a label other than the neutral one.
        neutral: Index of the label that says nothing, if there is one.
    """
    if pooling == "mean":
        return np.average(probabilities, axis=0, weights=weights)
    if pooling == "max":
        return probabilities.max(axis=0)
    if pooling == "first":
        return probabilities[0]
    telling = np.delete(probabilities, neutral, axis=1) if neutral is not None else probabilities
    return probabilities[telling.max(axis=1).argmax()]


def classify(
    probabilities: np.ndarray, head: Head, pooling: Pooling, thresholds: Mapping[str, float] | None = None
) -> Classification:
    """Return the classification of pooled probabilities (C,)."""
    if not head.multi_label:
        probabilities = probabilities / probabilities.sum()
    order = np.argsort(-probabilities, kind="stable")
    scores = {label: float(value) for label, value in zip(head.labels, probabilities, strict=True)}
    if head.multi_label:
        limits = thresholds or {}
        names = [head.labels[i] for i in order if probabilities[i] >= limits.get(head.labels[i], _THRESHOLD)]
    else:
        names = [head.labels[order[0]]]
    return Classification(scores, tuple(names), pooling, head.multi_label)


def _gold(row: Row, labels: LabelMap) -> str | frozenset[str]:
    if isinstance(row.get("labels"), list | tuple):
        return frozenset(map(labels.rename, row["labels"]))
    return _one_gold(row, labels)


def _one_gold(row: Row, labels: LabelMap) -> str:
    return labels.rename(row["label"])


def _labels(golds: Sequence[str | frozenset[str]]) -> list[str]:
    single = {gold for gold in golds if isinstance(gold, str)}
    sets = [gold for gold in golds if isinstance(gold, frozenset)]
    if single and sets:
        raise DataError("expected `label` (one) in every row or `labels` (a list) in every row, and got both")
    return sorted(single.union(*sets))


def _targets(plan: Plan, gold: str | frozenset[str], labels: Sequence[str]) -> list[np.ndarray]:
    """Every window of a text is taught the text's label."""
    if isinstance(gold, str):
        target = np.array(labels.index(gold))
    else:
        target = np.array([float(label in gold) for label in labels], dtype=np.float32)
    return [target] * len(plan.passages)


def _tuned(golds: Sequence[Any], annotate: Callable[..., Sequence[Annotation]], options: Any) -> dict[str, Any]:
    """The threshold of each independent label that gives it the best F1."""
    if not isinstance(golds[0], frozenset):
        return {}
    scores = [annotation.scores for annotation in annotate()]
    thresholds = {}
    for label in scores[0]:
        right = [label in gold for gold in golds]
        thresholds[label] = best_threshold([each[label] for each in scores], right, sum(right))
    return {"thresholds": thresholds}


def _answer(annotation: Annotation) -> str | frozenset[str]:
    found = annotation.classified
    return frozenset(found.labels) if found.multi_label else found.labels[0]


def _confidences(gold: str | frozenset[str], annotation: Annotation) -> list[tuple[float, bool]]:
    """Of independent labels each is an answer of its own, said with the probability of its presence."""
    if isinstance(gold, frozenset):
        return [(score, label in gold) for label, score in annotation.scores.items()]
    return [(annotation.score, annotation.label == gold)]


def class_supervision(metric: str, inputs: Sequence[str], *, independent: bool = True) -> Supervision:
    """Return the supervision of a task that gives a classification of texts, by independent labels too if it may."""
    return Supervision(
        gold=_gold if independent else _one_gold,
        labels=_labels,
        targets=_targets,
        answer=_answer,
        confidences=_confidences,
        count=count_labels,
        metric=metric,
        tfidf_text=lambda row: "\n".join(row[name] for name in inputs),
        tuned=_tuned,
    )
