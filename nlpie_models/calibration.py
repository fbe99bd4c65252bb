"""Whether probabilities mean what they say, and the temperature that makes them.

A temperature T divides the logits before the softmax (or sigmoid): it changes how sure a model is, never which label is
the most probable. See Guo et al., On Calibration of Modern Neural Networks (https://arxiv.org/abs/1706.04599).
"""

from collections.abc import Sequence

import numpy as np

BINS = 15
_RANGE = (0.05, 20.0)


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


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature with the least negative log-likelihood.

    Args:
        logits: Outputs of a head (N, C).
        targets: Index of the right label (N,); or for independent labels 0 or 1 for each (N, C).
    """
    from scipy.optimize import minimize_scalar

    logits, targets = np.asarray(logits, dtype=np.float64), np.asarray(targets)

    def loss(logarithm: float) -> float:
        scaled = logits / np.exp(logarithm)
        if targets.ndim == 2:
            return float((np.logaddexp(0, scaled) - targets * scaled).mean())
        right = np.take_along_axis(scaled, targets[:, None], axis=1)[:, 0]
        return float((np.logaddexp.reduce(scaled, axis=1) - right).mean())

    found = minimize_scalar(loss, bounds=np.log(_RANGE), method="bounded")
    return round(float(np.exp(found.x)), 4)
