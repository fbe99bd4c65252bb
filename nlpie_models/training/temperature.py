"""The temperature of a head, fitted on validation and kept in the head's own weights.

Dividing the last layer by the temperature divides the logits, so that transformers' pipelines and exported models give
the same calibrated scores as ours.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..calibration import expected_calibration_error, fit_temperature
from .starting import head_layer

Confidences = Sequence[Sequence[tuple[float, bool]]]


def choose_temperature(
    logits: np.ndarray, targets: np.ndarray, documents: np.ndarray, confidences: Callable[[float], Confidences]
) -> float:
    """Return the temperature that fits validation best, or 1 where it would not help.

    It helps if what fits every other document lowers the calibration error on the rest.

    Args:
        logits: Of every passage or token that has a target (N, C).
        targets: The right label's index (N,), or 0 or 1 for each independent label (N, C).
        documents: The document that each stands in (N,).
        confidences: From a temperature to what each document's annotation is sure of, and whether it is right.
    """
    error = without = 0.0
    for half in (0, 1):
        kept = documents % 2 == half
        if not kept.any() or kept.all():
            return 1.0
        fitted = fit_temperature(logits[kept], targets[kept])
        error += _error(confidences(fitted)[1 - half :: 2])
        without += _error(confidences(1.0)[1 - half :: 2])
    return fit_temperature(logits, targets) if error < without else 1.0


def divide_logits(model: Any, temperature: float) -> None:
    """Divide the logits that a model's head gives, for good."""
    with torch.no_grad():
        for weight in head_layer(model).parameters():
            weight.div_(temperature)


def _error(confidences: Confidences) -> float:
    pairs = [pair for document in confidences for pair in document]
    return expected_calibration_error([sure for sure, _ in pairs], [right for _, right in pairs])
