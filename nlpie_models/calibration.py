"""Whether probabilities mean what they say, and the temperature that makes them.

A temperature T divides the logits before the softmax (or sigmoid): it changes how sure a model is, never which label is
the most probable. See Guo et al., On Calibration of Modern Neural Networks (https://arxiv.org/abs/1706.04599). Here it
is fitted to answers as users get them (whole entities, pooled windows), not to single logits.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

BINS = 15
_RANGE = (0.1, 10.0)
_PRECISION = 0.01
_LEAST = 1e-6


def reliability(
    confidences: Sequence[float], right: Sequence[bool], bins: int = BINS
) -> list[tuple[int, float, float]]:
    """Return, for each of ``bins`` equal bins of confidence, how many fall in, their mean and the share right."""
    sure, hits = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    places = np.minimum((sure * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    filled = np.maximum(counts, 1)
    means = np.bincount(places, sure, bins) / filled
    shares = np.bincount(places, hits, bins) / filled
    return list(zip(counts.tolist(), means.tolist(), shares.tolist(), strict=True))


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Return the mean distance between confidence and share right, over ``bins`` bins weighted by what falls in.

    Args:
        confidences: Probability of each answer, 0 to 1.
        right: Whether it is right.
        bins: Number of equally wide bins.
    """
    rows = reliability(confidences, right, bins)
    return sum(count * abs(share - mean) for count, mean, share in rows) / max(1, len(confidences))


def fit_temperature(confidences: Callable[[float], Iterable[tuple[float, bool]]]) -> float:
    """Return the temperature by which what is said is most likely: the least mean log-loss of its confidences.

    Args:
        confidences: From a temperature to the probability of each answer and whether it is right.
    """
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        sure, right = np.array(list(confidences(float(np.exp(logarithm))))).T
        sure = np.clip(sure, _LEAST, 1 - _LEAST)
        return float(-np.where(right == 1, np.log(sure), np.log1p(-sure)).mean())

    found = minimize_scalar(loss, bounds=np.log(_RANGE), method="bounded", options={"xatol": _PRECISION})
    return round(float(np.exp(found.x)), 3)
