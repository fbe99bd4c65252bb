"""What classification and inference share: probabilities of a text's windows, pooled and turned into labels."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ..documents import Classification
from ._task import Head, sigmoid, softmax

Pooling = Literal["mean", "max", "first", "decisive"]
_THRESHOLD = 0.5


def probabilities_of(logits: np.ndarray, head: Head) -> np.ndarray:
    """Return the probability of each label in one passage (C,)."""
    return sigmoid(logits) if head.multi_label else softmax(logits)


def pool(probabilities: np.ndarray, weights: Sequence[int], pooling: Pooling, neutral: int | None = None) -> np.ndarray:
    """Return the probability of each label in a text (C,), from those in its windows (W, C).

    Args:
        probabilities: Of each label in each window (W, C).
        weights: Tokens that each window decides.
        pooling: ``mean``: weighted by tokens; ``max``: each label's highest probability; ``first``: the first window;
            ``decisive``: the window that is most confident of a label other than the neutral one.
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
    """Return the classification of a text from its pooled probabilities (C,).

    Args:
        probabilities: Of each label (C,).
        head: The checkpoint's head.
        pooling: How they were pooled.
        thresholds: From which probability on an independent label is predicted, 0.5 for a label without one.
    """
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
