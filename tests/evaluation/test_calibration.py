"""Calibration error by hand, temperatures that are known, and heads that are divided by them."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from nlpie_models.calibration import expected_calibration_error, fit_temperature, reliability
from nlpie_models.training.temperature import choose_temperature, divide_logits


def test_calibration_error_by_hand() -> None:
    confidences, right = [0.05, 0.95, 0.95, 0.85, 1.0], [False, True, False, True, True]
    rows = reliability(confidences, right, bins=10)
    assert rows[0] == (1, 0.05, 0.0)
    assert rows[8] == (1, 0.85, 1.0)
    assert rows[9][0] == 3
    assert rows[9][1:] == pytest.approx((2.9 / 3, 2 / 3))
    assert expected_calibration_error(confidences, right, bins=10) == pytest.approx((0.05 + 0.15 + 0.9) / 5)
    assert expected_calibration_error([], []) == 0.0


def draw(temperature: float, count: int = 20000) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits that are ``temperature`` times too large, and labels."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, 3)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (chances.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return logits * temperature, targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperatures_are_found_again(temperature) -> None:
    assert fit_temperature(*draw(temperature)) == pytest.approx(temperature, rel=0.05)


def test_temperature_of_independent_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20000, 2)) * 2
    targets = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
    assert fit_temperature(logits * 2, targets.astype(float)) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize(("too_large", "kept"), [(3.0, True), (1.0, False)])
def test_a_temperature_is_kept_only_where_it_helps(too_large, kept) -> None:
    logits, targets = draw(too_large, 2000)

    def confidences(temperature: float) -> list[list[tuple[float, bool]]]:
        scaled = np.exp(logits / temperature)
        chances = scaled / scaled.sum(axis=1, keepdims=True)
        if not kept:
            chances = np.full_like(chances, 1.0)  # what is shown does not follow from the logits
        return [[(row.max(), row.argmax() == target)] for row, target in zip(chances, targets, strict=True)]

    chosen = choose_temperature(logits, targets, np.arange(2000), confidences)
    assert (chosen == pytest.approx(too_large, rel=0.15)) if kept else chosen == 1.0
    assert choose_temperature(logits[:1], targets[:1], np.zeros(1), confidences) == 1.0


def test_the_logits_of_a_saved_model_are_divided(head_folder) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(head_folder("classification")).eval()
    ids = torch.tensor([[2, 40, 41, 3]])
    with torch.no_grad():
        before = model(ids).logits
        divide_logits(model, 2.0)
        after = model(ids).logits
    torch.testing.assert_close(after, before / 2)
