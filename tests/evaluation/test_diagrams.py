"""Reliability diagrams: what they show, that they repeat to the byte, and what they refuse."""

import re
import sys

import pytest

from nlpie_models.errors import NlpieError
from nlpie_models.evaluation.diagrams import draw_reliability

CONFIDENCES, RIGHT = [0.05, 0.95, 0.95, 0.85, 1.0], [False, True, False, True, True]


def test_a_diagram_is_the_same_to_the_byte(tmp_path, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    for name in ("first.svg", "second.svg", "second.svg"):
        draw_reliability(CONFIDENCES, RIGHT, tmp_path / name, bins=10, title="open-mini")
    first, second = ((tmp_path / name).read_text() for name in ("first.svg", "second.svg"))
    assert first == second
    assert "ECE 0.220, n = 5" in first
    assert "open-mini" in first
    assert not re.search(r"<dc:date>|\b20\d\d-\d\d", first)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.png", "first.svg", "second.png", "second.svg"]
    assert "matplotlib.pyplot" not in sys.modules


def test_a_diagram_of_nothing(tmp_path) -> None:
    draw_reliability([], [], tmp_path / "empty.svg")
    assert "n = 0" in (tmp_path / "empty.svg").read_text()


@pytest.mark.parametrize(
    ("confidences", "right", "name", "message"),
    [
        ([0.5], [], "a.svg", "as many confidences as answers, got 1 and 0"),
        ([1.5], [True], "a.svg", "confidences of 0 to 1"),
        ([0.5], [True], "a.png", "a path that ends in .svg"),
    ],
)
def test_what_cannot_be_drawn(confidences, right, name, message, tmp_path) -> None:
    with pytest.raises(NlpieError, match=message):
        draw_reliability(confidences, right, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NlpieError, match=r"pip install nlpie-models\[plot\]"):
        draw_reliability(CONFIDENCES, RIGHT, tmp_path / "a.svg")
