"""Strict span scores against seqeval and by hand."""

import random

import pytest
from seqeval.metrics import classification_report

from nlpie_models.documents.bio import decode_bio, encode_bio
from nlpie_models.scoring import bootstrap, score_spans

TAGS = ["O", "O", "B-problem", "I-problem", "B-test", "I-test"]


def random_spans(rng: random.Random) -> list[tuple[int, int, str]]:
    return decode_bio([rng.choice(TAGS) for _ in range(30)])


def test_equals_seqeval() -> None:
    rng = random.Random(0)
    gold, predicted = ([random_spans(rng) for _ in range(200)] for _ in range(2))
    tags = [[encode_bio(30, spans) for spans in side] for side in (gold, predicted)]
    report = classification_report(*tags, output_dict=True, zero_division=0)
    scores = score_spans(gold, predicted)
    assert len(scores["labels"]) == 2
    for label, score in {"micro avg": scores, **scores["labels"]}.items():
        expected = report[label]
        assert score["precision"] == pytest.approx(expected["precision"], abs=1e-4)
        assert score["recall"] == pytest.approx(expected["recall"], abs=1e-4)
        assert score["f1"] == pytest.approx(expected["f1-score"], abs=1e-4)
        assert score["gold"] == expected["support"]


def test_bootstrap_interval() -> None:
    rng = random.Random(0)
    gold = [random_spans(rng) for _ in range(60)]
    predicted = [[span for span in spans if rng.random() < 0.7] for spans in gold]

    def f1(wanted, found) -> float:
        return score_spans(wanted, found)["f1"]

    low, high = bootstrap(f1, gold, predicted, samples=200)
    assert 0 < f1(gold, predicted) - low < 0.1
    assert 0 < high - f1(gold, predicted) < 0.1
    assert bootstrap(f1, gold, predicted, samples=200) == (low, high)
    assert bootstrap(f1, gold, gold, samples=20) == (1.0, 1.0)


def test_by_hand() -> None:
    scores = score_spans([[(0, 5, "a"), (6, 9, "b")], []], [[(0, 5, "a"), (6, 9, "a")], [(1, 2, "b")]])
    labels = scores.pop("labels")
    assert scores == {"precision": 0.3333, "recall": 0.5, "f1": 0.4, "correct": 1, "predicted": 3, "gold": 2}
    assert labels["b"]["f1"] == 0
    assert score_spans([[]], [[]])["f1"] == 0
