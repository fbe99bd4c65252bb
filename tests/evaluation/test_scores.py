"""Strict span scores against seqeval and by hand."""

import random

import numpy as np
import pytest
from seqeval.metrics import classification_report
from sklearn.metrics import accuracy_score, f1_score

from nlpie_models.documents.bio import decode_bio, encode_bio
from nlpie_models.evaluation.baselines import score_baselines
from nlpie_models.scoring import best_thresholds, bootstrap, score_classes, score_label_sets, score_spans
from nlpie_models.tasks import get_task

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


CLASSES = ["a", "b", "c"]


def test_classes_equal_scikit_learn() -> None:
    rng = random.Random(1)
    gold, found = (rng.choices(CLASSES, weights=[5, 3, 1], k=300) for _ in range(2))
    scores = score_classes(gold, found)
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, found), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(f1_score(gold, found, average="macro"), abs=1e-4)
    for label, expected in zip(CLASSES, f1_score(gold, found, average=None), strict=True):
        assert scores["labels"][label]["f1"] == pytest.approx(expected, abs=1e-4)
    assert score_classes(["a"], [None])["accuracy"] == 0


def random_sets(rng: random.Random) -> list[frozenset[str]]:
    return [frozenset(label for label in CLASSES if rng.random() < 0.4) for _ in range(200)]


def test_label_sets_equal_scikit_learn() -> None:
    rng = random.Random(2)
    gold, found = random_sets(rng), random_sets(rng)
    rows = [[[label in names for label in CLASSES] for names in side] for side in (gold, found)]
    scores = score_label_sets(gold, found)
    for average in ("micro", "macro"):
        assert scores[f"{average}_f1"] == pytest.approx(f1_score(*map(np.array, rows), average=average), abs=1e-4)


def test_best_thresholds_are_the_best_there_are() -> None:
    rng = random.Random(3)
    gold = random_sets(rng)
    scores = [{label: round(rng.random() / 2 + (label in names) / 4, 2) for label in CLASSES} for names in gold]

    def f1(label: str, threshold: float) -> float:
        found = [frozenset({label} if row[label] >= threshold else ()) for row in scores]
        return score_label_sets([names & {label} for names in gold], found)["micro_f1"]

    for label, threshold in best_thresholds(gold, scores).items():
        assert f1(label, threshold) == max(f1(label, number / 100) for number in range(101))
    nothing = best_thresholds([frozenset()], [{"a": 0.3}])
    assert nothing == {"a": 0.5}


def test_baselines_learn_words_and_know_the_majority() -> None:
    task = get_task("classification")
    rows = [{"text": f"{word} today"} for word in ("fever", "fever", "cough") * 8]
    golds = ["hot" if "fever" in row["text"] else "dry" for row in rows]
    scores = score_baselines(task, (rows, golds), (rows, golds), (rows, golds))
    assert scores["majority"]["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert scores["tfidf-lr"]["accuracy"] == 1.0
    sets = [frozenset({gold}) for gold in golds]
    assert score_baselines(task, (rows, sets), (rows, sets), (rows, sets))["tfidf-lr"]["micro_f1"] == 1.0
    spans = [((0, 5, "x"),)] * len(rows)
    assert score_baselines(get_task("ner"), (rows, spans), (rows, spans), (rows, spans))["majority"]["f1"] == 0.0
