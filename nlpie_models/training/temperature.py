"""The temperature of a head, fitted on validation and kept in the head's own weights.

Dividing the last layer by the temperature divides the logits, so that transformers' pipelines and exported models give
the same calibrated scores as ours.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import torch

from ..calibration import expected_calibration_error, fit_temperature
from .starting import head_layer

Pairs = Iterable[tuple[float, bool]]


def choose_temperature(confidences: Callable[[float], Sequence[Pairs]]) -> float:
    """Return the temperature that fits validation best, or 1 where it would not help.

    It helps if what fits every other document lowers the calibration error on the rest.

    Args:
        confidences: From a temperature to what each document's annotation is sure of, and whether it is right.
    """
    documents = confidences(1.0)
    with_it = without = 0.0
    for half in (0, 1):
        if not any(documents[half::2]):
            return 1.0
        fitted = _fit(confidences, slice(half, None, 2))
        with_it += calibration_error(confidences(fitted)[1 - half :: 2])
        without += calibration_error(documents[1 - half :: 2])
    return _fit(confidences, slice(None)) if with_it < without else 1.0


def _fit(confidences: Callable[[float], Sequence[Pairs]], documents: slice) -> float:
    return fit_temperature(lambda temperature: chain.from_iterable(confidences(temperature)[documents]))


def calibration_error(confidences: Iterable[Pairs]) -> float:
    """Return the expected calibration error over all documents."""
    pairs = list(chain.from_iterable(confidences))
    return expected_calibration_error([sure for sure, _ in pairs], [right for _, right in pairs])


def divide_logits(model: Any, temperature: float) -> None:
    """Divide the logits that a model's head gives, for good."""
    with torch.no_grad():
        for weight in head_layer(model).parameters():
            weight.div_(temperature)
