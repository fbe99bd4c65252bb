"""Scores against seqeval, scikit-learn and by hand."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from sklearn.metrics import accuracy_score, f1_score

from nlpie_models.documents.bio import decode_bio, encode_bio
from nlpie_models.evaluation.results import PackedOutcomes
from nlpie_models.metrics.counts import (
    LabelScores,
    Outcomes,
    best_threshold,
    count_labels,
    count_overlapping_spans,
    count_spans,
    overlap_scores,
)

TAGS = ["O", "O", "B-problem", "I-problem", "B-test", "I-test"]
CLASSES = ["a", "b", "c"]
SPANS = st.frozensets(
    st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from(CLASSES)).map(lambda s: (s[0], s[0] + s[1], s[2])),
    max_size=6,
)


def random_spans(rng: random.Random) -> list[tuple[int, int, str]]:
    return decode_bio([rng.choice(TAGS) for _ in range(30)])


def outcomes(count, gold, found) -> Outcomes:
    return Outcomes.of([count(*pair) for pair in zip(gold, found, strict=True)])


def test_equals_seqeval_on_1000_random_sequences() -> None:
    rng = random.Random(0)
    gold, predicted = ([random_spans(rng) for _ in range(1000)] for _ in range(2))
    tags = [[encode_bio(30, spans) for spans in side] for side in (gold, predicted)]
    report = classification_report(*tags, output_dict=True, zero_division=0)
    found = outcomes(count_spans, gold, predicted)
    scores, labels = found.scores(), found.label_scores()
    assert len(labels) == 2
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-4)
    for label, score in {"micro avg": scores, **{name: vars(score) for name, score in labels.items()}}.items():
        expected = report[label]
        assert score["precision"] == pytest.approx(expected["precision"], abs=1e-4)
        assert score["recall"] == pytest.approx(expected["recall"], abs=1e-4)
        assert score["f1"] == pytest.approx(expected["f1-score"], abs=1e-4)
    assert labels["test"].gold == report["test"]["support"]


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=4))
def test_strict_scores_are_those_of_sets(documents) -> None:
    gold, found = ({(i, *span) for i, pair in enumerate(documents) for span in pair[side]} for side in (0, 1))
    right = len(gold & found)
    scores = Outcomes.of([count_spans(*pair) for pair in documents]).scores()
    assert scores["precision"] == pytest.approx(right / len(found) if found else 0, abs=1e-4)
    assert scores["recall"] == pytest.approx(right / len(gold) if gold else 0, abs=1e-4)
    assert scores["f1"] == pytest.approx(2 * right / (len(gold) + len(found)) if right else 0, abs=1e-4)


@given(SPANS, SPANS)
def test_lenient_scores_are_those_of_characters(gold, found) -> None:
    def share(some, others) -> float:
        marked = {(at, label) for start, end, label in others for at in range(start, end)}
        hits = [any((at, label) in marked for at in range(start, end)) for start, end, label in some]
        return sum(hits) / len(hits) if hits else 0.0

    scores = Outcomes.of([count_overlapping_spans(gold, found)]).scores()
    assert scores["precision"] == pytest.approx(share(found, gold), abs=1e-4)
    assert scores["recall"] == pytest.approx(share(gold, found), abs=1e-4)


def test_overlap_by_hand() -> None:
    gold = [[(0, 10, "a"), (20, 30, "b"), (40, 50, "a")], [(0, 5, "a")]]
    predicted = [[(0, 3, "a"), (5, 12, "a"), (20, 30, "a"), (50, 60, "a")], []]
    # Two predicted spans of four touch a gold span of their label; of the four gold spans one is touched.
    expected = {"overlap_precision": 0.5, "overlap_recall": 0.25, "overlap_f1": 0.3333}
    assert overlap_scores(gold, predicted) == expected
    assert overlap_scores([[]], [[]]) == dict.fromkeys(expected, 0.0)


def test_by_hand() -> None:
    gold, found = [[(0, 5, "a"), (6, 9, "b")], []], [[(0, 5, "a"), (6, 9, "a")], [(1, 2, "b")]]
    counted = outcomes(count_spans, gold, found)
    assert counted.scores() == {"precision": 0.3333, "recall": 0.5, "f1": 0.4, "macro_f1": 0.3333}
    assert counted.label_scores()["b"] == LabelScores(0.0, 0.0, 0.0, tp=0, predicted=1, gold=1)
    assert outcomes(count_spans, [[]], [[]]).score("f1") == 0
    lenient = outcomes(count_overlapping_spans, [[(0, 5, "a"), (10, 12, "a")]], [[(0, 2, "a"), (3, 5, "a")]]).scores()
    assert (lenient["precision"], lenient["recall"], lenient["f1"]) == (1.0, 0.5, 0.6667)


def test_classes_equal_scikit_learn() -> None:
    rng = random.Random(1)
    gold, found = (rng.choices(CLASSES, weights=[5, 3, 1], k=300) for _ in range(2))
    counted = outcomes(count_labels, gold, found)
    scores = counted.scores()
    assert scores["accuracy"] == scores["f1"] == pytest.approx(accuracy_score(gold, found), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(f1_score(gold, found, average="macro"), abs=1e-4)
    for label, expected in zip(CLASSES, f1_score(gold, found, average=None), strict=True):
        assert counted.label_scores()[label].f1 == pytest.approx(expected, abs=1e-4)
    assert outcomes(count_labels, ["a"], [None]).score("accuracy") == 0


def random_sets(rng: random.Random) -> list[frozenset[str]]:
    return [frozenset(label for label in CLASSES if rng.random() < 0.4) for _ in range(200)]


def test_label_sets_equal_scikit_learn() -> None:
    rng = random.Random(2)
    gold, found = random_sets(rng), random_sets(rng)
    rows = [np.array([[label in names for label in CLASSES] for names in side]) for side in (gold, found)]
    scores = outcomes(count_labels, gold, found).scores()
    assert scores["f1"] == pytest.approx(f1_score(*rows, average="micro"), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(f1_score(*rows, average="macro"), abs=1e-4)
    assert "accuracy" not in scores


def test_interval() -> None:
    rng = random.Random(0)
    gold = [random_spans(rng) for _ in range(60)]
    found = outcomes(count_spans, gold, [[span for span in spans if rng.random() < 0.7] for spans in gold])
    low, high = found.interval("f1", samples=200)
    assert 0 < found.score("f1") - low < 0.1
    assert 0 < high - found.score("f1") < 0.1
    assert found.interval("f1", samples=200) == (low, high)
    assert outcomes(count_spans, gold, gold).interval("f1", samples=20) == (1.0, 1.0)


def test_interval_of_an_accuracy_is_the_binomial_one() -> None:
    gold = ["a"] * 400
    found = outcomes(count_labels, gold, ["a"] * 300 + ["b"] * 100)
    low, high = found.interval("accuracy", samples=4000)
    error = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert low == pytest.approx(0.75 - error, abs=0.005)
    assert high == pytest.approx(0.75 + error, abs=0.005)


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=4))
def test_outcomes_survive_a_file(documents) -> None:
    before = Outcomes.of([count_spans(*pair) for pair in documents])
    after = PackedOutcomes.of(before).unpack()
    assert after.labels == before.labels
    np.testing.assert_array_equal(after.counts, before.counts)


def test_the_best_threshold_is_the_best_there_is() -> None:
    rng = random.Random(3)
    gold = random_sets(rng)
    scores = [{label: round(rng.random() / 2 + (label in names) / 4, 2) for label in CLASSES} for names in gold]

    def f1(label: str, threshold: float) -> float:
        found = [frozenset({label} if row[label] >= threshold else ()) for row in scores]
        return outcomes(count_labels, [names & {label} for names in gold], found).score("f1")

    for label in CLASSES:
        right = [label in names for names in gold]
        threshold = best_threshold([row[label] for row in scores], right, sum(right))
        assert f1(label, threshold) == max(f1(label, number / 100) for number in range(101))
    assert best_threshold([0.3], [False], 0) == best_threshold([0.3], [False], 4) == 0.5


def test_outcomes_of_other_labels_are_put_side_by_side() -> None:
    found = Outcomes.of([count_labels("b", "c")]).with_labels({"a", "b", "c"})
    assert found.labels == ("a", "b", "c")
    np.testing.assert_array_equal(found.counts[0], [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]])
