"""The metrics against seqeval, scikit-learn and by hand; nothing fetched, nothing left behind."""

import random

import numpy as np
import pytest
import seqeval.metrics as seqeval

from nlpie_models.documents import Entity
from nlpie_models.documents.bio import decode_bio
from nlpie_models.errors import NlpieError, UnknownName
from nlpie_models.metrics import hf
from nlpie_models.metrics.hf import SpanF1, SubwordF1

TAGS = ["O", "O", "B-problem", "I-problem", "B-test", "I-test"]


def spans(*values):
    return [{"start": start, "end": end, "label": label} for start, end, label in values]


def random_tags(count: int, tags=TAGS) -> list[list[str]]:
    rng = random.Random(count)
    return [[rng.choice(tags) for _ in range(rng.randrange(30))] for _ in range(300)]


@pytest.fixture(scope="module")
def tags() -> tuple[list[list[str]], list[list[str]]]:
    gold = random_tags(0)
    rng = random.Random(1)
    return gold, [[tag if rng.random() < 0.8 else rng.choice(TAGS) for tag in row] for row in gold]


def test_spans_equal_seqeval(tags) -> None:
    gold, found = tags
    report = seqeval.classification_report(gold, found, output_dict=True)
    documents = [[spans(*decode_bio(row)) for row in side] for side in tags]
    scores = SpanF1().compute(predictions=documents[1], references=documents[0], interval="f1")
    assert scores["f1"] == pytest.approx(seqeval.f1_score(gold, found), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-4)
    assert scores["labels"]["test"]["recall"] == pytest.approx(report["test"]["recall"], abs=1e-4)
    assert scores["interval"][0] < scores["f1"] < scores["interval"][1]


def test_strict_and_relaxed_by_hand() -> None:
    gold = [spans((0, 5, "a"), (6, 9, "b"), (20, 30, "a")), []]
    found = [spans((0, 5, "a"), (6, 8, "b"), (20, 24, "a"), (26, 40, "a")), spans((0, 1, "b"))]
    strict = SpanF1().compute(predictions=found, references=gold)
    labels = strict.pop("labels")
    assert strict == {"precision": 0.2, "recall": 0.3333, "f1": 0.25, "macro_f1": 0.2}
    assert labels["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "tp": 0, "predicted": 2, "gold": 1}
    relaxed = SpanF1().compute(predictions=found, references=gold, mode="relaxed")
    labels = relaxed.pop("labels")
    assert relaxed == {"precision": 0.8, "recall": 1.0, "f1": 0.8889, "macro_f1": 0.8333}
    assert labels["b"] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "tp": 1, "predicted": 2, "gold": 1}
    apart = SpanF1().compute(predictions=[spans((0, 5, "a"))], references=[spans((5, 9, "a"))], mode="relaxed")
    assert apart["f1"] == 0.0


def test_entities_and_batches() -> None:
    metric = SpanF1()
    metric.add_batch(predictions=[[Entity(start=0, end=5, label="a", text="fever")], []], references=[[], []])
    metric.add(prediction=spans((0, 2, "a")), reference=[{"start": np.int64(0), "end": 2, "label": "a", "text": "ct"}])
    assert metric.compute()["precision"] == 0.5
    assert metric.compute(predictions=[[]], references=[spans((0, 1, "a"))])["labels"]["a"]["gold"] == 1


def test_subwords_equal_seqeval(tags) -> None:
    gold, found = tags
    report = seqeval.classification_report(gold, found, output_dict=True)
    scores = SubwordF1().compute(predictions=found, references=gold, interval="macro_f1")
    for name in ("precision", "recall", "f1", "accuracy"):
        assert scores[name] == pytest.approx(getattr(seqeval, f"{name}_score")(gold, found), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-4)
    for label in ("problem", "test"):
        assert scores["labels"][label]["f1"] == pytest.approx(report[label]["f1-score"], abs=1e-4)
        assert scores["labels"][label]["gold"] == report[label]["support"]
    assert len(scores["interval"]) == 2


def test_subwords_with_bare_tags_equal_seqeval() -> None:
    gold, found = ([row[:20] + ["O"] * (20 - len(row)) for row in random_tags(n, ["O", "B", "I"])] for n in (2, 3))
    scores = SubwordF1().compute(predictions=found, references=gold)
    assert scores["f1"] == pytest.approx(seqeval.f1_score(gold, found), abs=1e-4)
    assert set(scores["labels"]) == {"_"}


@pytest.mark.parametrize("metric", [SpanF1, SubwordF1])
def test_nothing_scores_nothing(metric) -> None:
    scores = metric().compute(predictions=[], references=[])
    assert not any(value for value in scores.values() if isinstance(value, float))
    assert scores["labels"] == {}


def test_texts_without_spans_have_an_interval_and_no_texts_have_none() -> None:
    assert SpanF1().compute(predictions=[[]], references=[[]], interval="f1")["interval"] == (0.0, 0.0)
    with pytest.raises(NlpieError, match="an interval needs documents"):
        SpanF1().compute(predictions=[], references=[], interval="f1")


GOOD = {"SpanF1": spans((0, 1, "a")), "SubwordF1": ["B-a"]}


@pytest.mark.parametrize("name", GOOD)
def test_numbers_that_differ(name) -> None:
    metric, prediction = getattr(hf, name)(), GOOD[name]
    reference = prediction
    name = metric.name
    with pytest.raises(NlpieError, match=f"{name}: expected as many predictions as references, got 2 and 1"):
        metric.compute(predictions=[prediction] * 2, references=[reference])
    with pytest.raises(NlpieError, match=f"{name} needs both predictions and references"):
        metric.compute(predictions=[prediction])
    with pytest.raises(NlpieError, match=f"{name} has nothing to compute from"):
        metric.compute()
    scores = metric.compute(predictions=[prediction], references=[reference])
    assert 1.0 in scores.values()


@pytest.mark.parametrize(
    ("metric", "prediction", "reference", "message"),
    [
        (SpanF1, [{"start": 0, "end": 1}], [], "prediction 0 is not a document's spans.*'label' is missing"),
        (SpanF1, spans((3, 3, "a")), [], "expected 0 <= start < end, got 3 and 3"),
        (SpanF1, spans((0.5, 3, "a")), [], "prediction 0 is not"),
        (SpanF1, [], 7, "reference 0 is not a document's spans"),
        (SubwordF1, "B-a", ["B-a"], "expected a list, got str"),
        (SubwordF1, ["O"], [0], r"expected a text \(str\), got int"),
        (SubwordF1, ["O"], ["O", "O"], "expected as many predicted as gold tags, got 1 and 2 in sequence 0"),
    ],
)
def test_what_is_not_expected(metric, prediction, reference, message) -> None:
    with pytest.raises(NlpieError, match=message):
        metric().compute(predictions=[prediction], references=[reference])


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="Known: relaxed, strict"):
        SpanF1().compute(predictions=[], references=[], mode="lenient")
    with pytest.raises(UnknownName, match="Unknown score 'accuracy'"):
        SpanF1().compute(predictions=[[]], references=[[]], interval="accuracy")
