"""Calibration error by hand, temperatures that are known, and heads that are divided by them."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from nlpie_models.metrics.calibration import expected_calibration_error, fit_temperature, reliability
from nlpie_models.tasks import softmax
from nlpie_models.training.calibrating import calibration_error, choose_temperature, divide_logits


def test_calibration_error_by_hand() -> None:
    confidences, correct = [0.05, 0.95, 0.95, 0.85, 1.0], [False, True, False, True, True]
    rows = reliability(confidences, correct, bins=10)
    assert rows[0] == (1, 0.05, 0.0)
    assert rows[8] == (1, 0.85, 1.0)
    assert rows[9][0] == 3
    assert rows[9][1:] == pytest.approx((2.9 / 3, 2 / 3))
    assert expected_calibration_error(confidences, correct, bins=10) == pytest.approx((0.05 + 0.15 + 0.9) / 5)
    assert expected_calibration_error([], []) == 0.0


def drawn(temperature: float, count: int = 20000):
    """Return the confidences, by temperature, of logits that are ``temperature`` times too large."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(count, 3)) * 2
    targets = (softmax(logits).cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)

    def confidences(divisor: float) -> list[list[tuple[float, bool]]]:
        chances = softmax(logits * temperature / divisor)
        right = chances.argmax(axis=1) == targets
        return [[pair] for pair in zip(chances.max(axis=1), right, strict=True)]

    return confidences


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperatures_are_found_again(temperature) -> None:
    confidences = drawn(temperature)
    fitted = fit_temperature(lambda t: [pair for document in confidences(t) for pair in document])
    assert fitted == pytest.approx(temperature, rel=0.05)
    assert calibration_error(confidences(temperature)) < 0.02


def test_a_temperature_is_kept_only_where_it_helps() -> None:
    assert choose_temperature(drawn(3.0, 2000)) == pytest.approx(3.0, rel=0.15)
    assert choose_temperature(lambda t: [[(0.7, True)], [(0.7, False)]] * 50) == 1.0
    assert choose_temperature(lambda t: [[(0.7, True)]]) == 1.0
    assert choose_temperature(lambda t: [[], []]) == 1.0


def test_the_logits_of_a_saved_model_are_divided(head_folder) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(head_folder("classification")).eval()
    ids = torch.tensor([[2, 40, 41, 3]])
    with torch.no_grad():
        before = model(ids).logits
        divide_logits(model, 2.0)
        after = model(ids).logits
    torch.testing.assert_close(after, before / 2)
