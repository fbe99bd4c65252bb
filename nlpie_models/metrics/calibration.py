"""The calibration error of confidences, and the temperature that lowers it.

A temperature T divides the logits before the softmax (or sigmoid): it changes the confidence of a model, never which
label is the most probable (Guo et al., 2017, https://arxiv.org/abs/1706.04599). Here it is fitted to predictions as
users get them (whole entities, pooled windows), not to single logits.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

BINS = 15
_RANGE = (0.1, 10.0)
_PRECISION = 0.01
_LEAST = 1e-6


def reliability(
    confidences: Sequence[float], correct: Sequence[bool], bins: int = BINS
) -> list[tuple[int, float, float]]:
    """Return the number of predictions in each of ``bins`` equal bins of confidence, their mean and their accuracy."""
    values = np.asarray(confidences, dtype=float)
    places = np.minimum((values * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    divisors = np.maximum(counts, 1)
    means = np.bincount(places, values, bins) / divisors
    accuracies = np.bincount(places, np.asarray(correct, dtype=float), bins) / divisors
    return list(zip(counts.tolist(), means.tolist(), accuracies.tolist(), strict=True))


def expected_calibration_error(confidences: Sequence[float], correct: Sequence[bool], bins: int = BINS) -> float:
    """Return the mean distance between confidence and accuracy over bins, weighted by the predictions in each.

    Args:
        confidences: Probability of each prediction, 0 to 1.
        correct: Whether the prediction is correct.
        bins: Number of equally wide bins.
    """
    rows = reliability(confidences, correct, bins)
    return sum(count * abs(accuracy - mean) for count, mean, accuracy in rows) / max(1, len(confidences))


def fit_temperature(confidences: Callable[[float], Iterable[tuple[float, bool]]]) -> float:
    """Return the temperature with the least mean log-loss of the confidences.

    Args:
        confidences: Function from a temperature to the probability of each prediction and whether it is correct.
    """
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        values, correct = np.array(list(confidences(float(np.exp(logarithm))))).T
        values = np.clip(values, _LEAST, 1 - _LEAST)
        return float(-np.where(correct == 1, np.log(values), np.log1p(-values)).mean())

    best = minimize_scalar(loss, bounds=np.log(_RANGE), method="bounded", options={"xatol": _PRECISION})
    return round(float(np.exp(best.x)), 3)
