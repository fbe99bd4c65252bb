"""The metrics against seqeval, scikit-learn and by hand; nothing fetched, nothing left behind."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import seqeval.metrics as seqeval
from sklearn.metrics import accuracy_score, f1_score

from nlpie_models.documents import Entity
from nlpie_models.documents.bio import decode_bio
from nlpie_models.errors import NlpieError, UnknownName
from nlpie_models.evaluation.metrics import METRICS, Calibration, Classification, MultiLabel, SpanF1, get_metric

TAGS = ["O", "O", "B-problem", "I-problem", "B-test", "I-test"]
CLASSES = ["a", "b", "c"]


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
    scores = SpanF1().compute(predictions=documents[1], references=documents[0], interval="f1", samples=50)
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
    assert labels["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "right": 0, "found": 2, "gold": 1}
    relaxed = SpanF1().compute(predictions=found, references=gold, mode="relaxed")
    labels = relaxed.pop("labels")
    assert relaxed == {"precision": 0.8, "recall": 1.0, "f1": 0.8889, "macro_f1": 0.8333}
    assert labels["b"] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "right": 1, "found": 2, "gold": 1}
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
    scores = get_metric("subword_f1").compute(predictions=found, references=gold, interval="macro_f1", samples=50)
    for name in ("precision", "recall", "f1", "accuracy"):
        assert scores[name] == pytest.approx(getattr(seqeval, f"{name}_score")(gold, found), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-4)
    for label in ("problem", "test"):
        assert scores["labels"][label]["f1"] == pytest.approx(report[label]["f1-score"], abs=1e-4)
        assert scores["labels"][label]["gold"] == report[label]["support"]
    assert len(scores["interval"]) == 2


def test_subwords_with_bare_tags_equal_seqeval() -> None:
    gold, found = ([row[:20] + ["O"] * (20 - len(row)) for row in random_tags(n, ["O", "B", "I"])] for n in (2, 3))
    scores = get_metric("subword_f1").compute(predictions=found, references=gold)
    assert scores["f1"] == pytest.approx(seqeval.f1_score(gold, found), abs=1e-4)
    assert set(scores["labels"]) == {"_"}


def test_classes_equal_scikit_learn() -> None:
    rng = random.Random(1)
    gold, found = (rng.choices(CLASSES, weights=[5, 3, 1], k=300) for _ in range(2))
    scores = Classification().compute(predictions=found, references=gold, interval="accuracy", samples=50)
    assert scores.keys() == {"accuracy", "macro_f1", "labels", "interval"}
    assert scores["accuracy"] == pytest.approx(accuracy_score(gold, found), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(f1_score(gold, found, average="macro"), abs=1e-4)
    for label, expected in zip(CLASSES, f1_score(gold, found, average=None), strict=True):
        assert scores["labels"][label]["f1"] == pytest.approx(expected, abs=1e-4)


def test_label_sets_equal_scikit_learn() -> None:
    rng = random.Random(2)
    gold, found = ([[label for label in CLASSES if rng.random() < 0.4] for _ in range(200)] for _ in range(2))
    rows = [np.array([[label in names for label in CLASSES] for names in side]) for side in (gold, found)]
    scores = MultiLabel().compute(predictions=list(map(frozenset, found)), references=gold)
    assert scores["f1"] == pytest.approx(f1_score(*rows, average="micro"), abs=1e-4)
    assert scores["macro_f1"] == pytest.approx(f1_score(*rows, average="macro"), abs=1e-4)
    assert "accuracy" not in MultiLabel().compute(predictions=[["a"]], references=[["a"]])


def test_calibration_by_hand() -> None:
    scores = Calibration().compute(
        predictions=[0.05, 0.95, 0.95, 0.85, 1.0], references=[False, True, 0, np.True_, 1], bins=10
    )
    assert scores["ece"] == pytest.approx((0.05 + 0.15 + 0.9) / 5)
    assert scores["accuracy"] == 0.6
    assert scores["confidence"] == pytest.approx(0.76)
    assert len(scores["bins"]) == 10
    assert scores["bins"][8] == {"low": 0.8, "high": 0.9, "count": 1, "confidence": 0.85, "accuracy": 1.0}
    assert scores["bins"][9]["count"] == 3
    assert scores["bins"][9]["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_scores_nothing(name) -> None:
    scores = get_metric(name).compute(predictions=[], references=[])
    assert not any(value for value in scores.values() if isinstance(value, float))
    assert scores.get("labels", {}) == {}


def test_texts_without_spans_have_an_interval_and_no_texts_have_none() -> None:
    assert SpanF1().compute(predictions=[[]], references=[[]], interval="f1")["interval"] == (0.0, 0.0)
    with pytest.raises(NlpieError, match="an interval needs documents"):
        SpanF1().compute(predictions=[], references=[], interval="f1")


GOOD = {
    "calibration": (0.5, True),
    "classification": ("a", "a"),
    "multi_label": (["a"], ["a"]),
    "span_f1": (spans((0, 1, "a")), spans((0, 1, "a"))),
    "subword_f1": (["B-a"], ["B-a"]),
}


@pytest.mark.parametrize("name", METRICS)
def test_numbers_that_differ(name) -> None:
    prediction, reference = GOOD[name]
    metric = get_metric(name)
    assert metric.name == name
    with pytest.raises(NlpieError, match=f"{name}: expected as many predictions as references, got 2 and 1"):
        metric.compute(predictions=[prediction] * 2, references=[reference])
    with pytest.raises(NlpieError, match=f"{name} needs both predictions and references"):
        metric.compute(predictions=[prediction])
    with pytest.raises(NlpieError, match=f"{name} has nothing to compute from"):
        metric.compute()
    scores = metric.compute(predictions=[prediction], references=[reference])
    assert 1.0 in scores.values()


@pytest.mark.parametrize(
    ("name", "prediction", "reference", "message"),
    [
        ("span_f1", [{"start": 0, "end": 1}], [], "prediction 0 is not a document's spans.*'label' is missing"),
        ("span_f1", spans((3, 3, "a")), [], "expected 0 <= start < end, got 3 and 3"),
        ("span_f1", spans((0.5, 3, "a")), [], "prediction 0 is not"),
        ("span_f1", [], 7, "reference 0 is not a document's spans"),
        ("subword_f1", "B-a", ["B-a"], "expected a list, got str"),
        ("subword_f1", ["O"], [0], r"expected a text \(str\), got int"),
        ("subword_f1", ["O"], ["O", "O"], "expected as many predicted as gold tags, got 1 and 2 in sequence 0"),
        ("classification", "a", 1, r"reference 0 is not a label's name: expected a text \(str\), got int"),
        ("multi_label", "a", ["a"], "expected a list, got str"),
        ("calibration", 1.5, True, "expected 0 to 1, got 1.5"),
        ("calibration", float("nan"), True, "expected 0 to 1, got nan"),
        ("calibration", 0.5, "no", "expected True or False"),
    ],
)
def test_what_is_not_expected(name, prediction, reference, message) -> None:
    with pytest.raises(NlpieError, match=message):
        get_metric(name).compute(predictions=[prediction], references=[reference])


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'span_f1'"):
        get_metric("span-f1")
    with pytest.raises(UnknownName, match="Known: relaxed, strict"):
        SpanF1().compute(predictions=[], references=[], mode="lenient")
    with pytest.raises(UnknownName, match="Unknown score 'accuracy'"):
        SpanF1().compute(predictions=[[]], references=[[]], interval="accuracy")
    with pytest.raises(NlpieError, match="at least 1 bin"):
        Calibration().compute(predictions=[0.5], references=[True], bins=0)


CODE = """
import socket
def refuse(*_, **__): raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
from nlpie_models.evaluation.metrics import METRICS, get_metric
for name, (prediction, reference) in GOOD.items():
    metric = get_metric(name)
    metric.add_batch(predictions=[prediction], references=[reference])
    metric.add(prediction=prediction, reference=reference)
    assert 1.0 in metric.compute().values()
    metric.compute(predictions=[], references=[])
    metric.add_batch(predictions=[prediction], references=[reference])  # never computed
"""


def test_nothing_is_fetched_and_nothing_left_behind(tmp_path) -> None:
    assert GOOD.keys() == METRICS.keys()
    places = ["HOME", "HF_HOME", "HF_EVALUATE_CACHE", "HF_METRICS_CACHE", "HF_DATASETS_CACHE", "TMPDIR"]
    environment = {name: str(tmp_path / name) for name in (*places, "XDG_CACHE_HOME")}
    (tmp_path / "TMPDIR").mkdir()
    work = tmp_path / "work"
    work.mkdir()
    path = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", f"GOOD = {GOOD!r}\n{CODE}"],
        check=True,
        cwd=work,
        env={**os.environ, **environment, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["TMPDIR", "work"]
