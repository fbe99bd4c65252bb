"""Strict span scores against seqeval and by hand."""

import random

import pytest
from seqeval.metrics import classification_report

from nlpie_models.documents.bio import decode_bio, encode_bio
from nlpie_models.evaluation.spans import bootstrap_f1, score_spans

TAGS = ["O", "O", "B-problem", "I-problem", "B-test", "I-test"]


def random_spans(rng: random.Random) -> list[tuple[int, int, str]]:
    return decode_bio([rng.choice(TAGS) for _ in range(30)])


def test_equals_seqeval() -> None:
    rng = random.Random(0)
    gold, predicted = ([random_spans(rng) for _ in range(200)] for _ in range(2))
    tags = [[encode_bio(30, spans) for spans in side] for side in (gold, predicted)]
    report = classification_report(*tags, output_dict=True, zero_division=0)
    for label, score in score_spans(gold, predicted).items():
        expected = report["micro avg" if label == "micro" else label]
        assert score.precision == pytest.approx(expected["precision"])
        assert score.recall == pytest.approx(expected["recall"])
        assert score.f1 == pytest.approx(expected["f1-score"])
        assert score.gold == expected["support"]


def test_bootstrap_interval() -> None:
    rng = random.Random(0)
    gold = [random_spans(rng) for _ in range(60)]
    predicted = [[span for span in spans if rng.random() < 0.7] for spans in gold]
    f1 = score_spans(gold, predicted)["micro"].f1
    low, high = bootstrap_f1(gold, predicted)
    assert 0 < f1 - low < 0.1
    assert 0 < high - f1 < 0.1
    assert bootstrap_f1(gold, predicted) == (low, high)
    assert bootstrap_f1(gold, gold) == (1.0, 1.0)


def test_by_hand() -> None:
    scores = score_spans([[(0, 5, "a"), (6, 9, "b")], []], [[(0, 5, "a"), (6, 9, "a")], [(1, 2, "b")]])
    assert scores["micro"].to_dict() == {
        "precision": 0.3333,
        "recall": 0.5,
        "f1": 0.4,
        "correct": 1,
        "predicted": 3,
        "gold": 2,
    }
    assert scores["b"].f1 == 0
    assert score_spans([[]], [[]])["micro"].f1 == 0
