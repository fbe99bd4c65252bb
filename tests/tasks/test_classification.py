"""Classification and inference: parity with transformers, pooling, thresholds, pairs of any length."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from nlpie_models import NlpieError, load_clinical
from nlpie_models.documents import Coverage
from nlpie_models.errors import MissingHead, UnknownName
from nlpie_models.tasks import Head, Plan, get_task
from nlpie_models.tasks._pooling import classify, pool

SHORT = "the patient has chest pain and fever"
NOTE = f"{SHORT}. no aspirin was given. " * 60
NLI = ("contradiction", "entailment", "neutral")


@pytest.mark.parametrize("multi_label", [False, True])
def test_same_label_and_score_as_transformers(head_folder, multi_label) -> None:
    folder = head_folder("classification", multi_label=multi_label)
    pipe = load_clinical(folder, "text-classification", device="cpu")
    ours = pipe(SHORT)
    theirs = {
        row["label"]: row["score"]
        for row in pipeline("text-classification", str(folder), device="cpu")(SHORT, top_k=None)
    }
    assert ours.scores == pytest.approx(theirs, abs=1e-5)
    if multi_label:
        assert set(ours.labels) == {label for label, score in theirs.items() if score >= 0.5}
    else:
        assert ours.label == max(theirs, key=theirs.get)
        assert sum(ours.scores.values()) == pytest.approx(1)


@pytest.mark.parametrize("task", ["token-classification", "text-classification", "fill-mask", "feature-extraction"])
def test_transformers_pipelines_load_the_same_folders(task, head_folder, ner_folder, mlm_folder) -> None:
    folder = {"token-classification": ner_folder, "fill-mask": mlm_folder}.get(task) or head_folder("classification")
    assert load_clinical(folder, task, device="cpu") is not None
    assert pipeline(task, model=str(folder), device="cpu")(f"{SHORT} [MASK]")


PROBABILITIES = np.array([[0.1, 0.8, 0.1], [0.5, 0.2, 0.3], [0.05, 0.05, 0.9]])


@pytest.mark.parametrize(
    ("pooling", "neutral", "expected"),
    [
        ("mean", None, [(0.1 + 0.5 + 0.1) / 4, (0.8 + 0.2 + 0.1) / 4, (0.1 + 0.3 + 1.8) / 4]),
        ("max", None, [0.5, 0.8, 0.9]),
        ("first", None, [0.1, 0.8, 0.1]),
        ("decisive", None, [0.05, 0.05, 0.9]),
        ("decisive", 2, [0.1, 0.8, 0.1]),
    ],
)
def test_pooling_by_hand(pooling, neutral, expected) -> None:
    np.testing.assert_allclose(pool(PROBABILITIES, [1, 1, 2], pooling, neutral), expected)


def test_thresholds_of_independent_labels() -> None:
    head = Head(("a", "b", "c"), multi_label=True)
    classified = classify(np.array([0.6, 0.3, 0.5]), head, "mean", {"a": 0.7, "b": 0.2})
    assert classified.labels == ("c", "b")
    assert classified.label == "c"
    assert classified.score == pytest.approx(0.5)
    nothing = classify(np.array([0.1, 0.1, 0.1]), head, "mean")
    assert nothing.labels == ()
    assert nothing.label is None
    assert nothing.score == pytest.approx(0.1)


def test_thresholds_in_the_config_are_used(head_folder, tmp_path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(head_folder("classification", multi_label=True), folder)
    config = json.loads((folder / "config.json").read_text())
    for limit, expected in ((0.0, 3), (1.0, 0)):
        thresholds = dict.fromkeys(config["label2id"], limit)
        config["task_options"] = {"classification": {"thresholds": thresholds, "pooling": "max"}}
        (folder / "config.json").write_text(json.dumps(config))
        pipe = load_clinical(folder, "classification", device="cpu")
        assert len(pipe(NOTE).labels) == expected
        assert pipe(NOTE).classification.pooling == "max"
        assert pipe(NOTE, pooling="first").classification.pooling == "first"


def test_thresholds_must_be_of_the_heads_labels(head_folder) -> None:
    folder = head_folder("classification", multi_label=True)
    pipe = load_clinical(folder, "classification", device="cpu", thresholds={"malignant": 1})
    assert pipe(SHORT, thresholds=None).scores == pipe(SHORT).scores
    message = "Unknown label in thresholds 'Malignant'. Did you mean 'malignant'?"
    with pytest.raises(UnknownName, match=re.escape(message)):
        load_clinical(folder, "classification", thresholds={"Malignant": 0.3})
    with pytest.raises(UnknownName, match=re.escape(message)):
        pipe(SHORT, thresholds={"Malignant": 0.3})


def test_pooling_of_a_long_note(head_folder) -> None:
    pipe = load_clinical(head_folder("classification"), "classification", device="cpu")
    truncated = load_clinical(head_folder("classification"), "classification", device="cpu", on_long="truncate")(NOTE)
    assert truncated.coverage.truncated
    beginning = pipe(NOTE[: truncated.coverage.characters])
    assert truncated.scores == pytest.approx(beginning.scores, abs=1e-5)
    assert pipe(NOTE, pooling="max").scores != pipe(NOTE, pooling="mean").scores
    assert pipe(NOTE).classification.pooling == "mean"
    with pytest.raises(NlpieError, match=r"classification option: pooling: expected one of mean, .* got 'median'"):
        pipe(NOTE, pooling="median")


@pytest.fixture(scope="module")
def nli(head_folder):
    return load_clinical(head_folder("nli", NLI), "nli", device="cpu")


def test_pair_is_read_with_both_segments(nli, head_folder) -> None:
    folder = head_folder("nli", NLI)
    tokens = AutoTokenizer.from_pretrained(folder)(SHORT, "no fever", return_tensors="pt")
    assert tokens["token_type_ids"].sum() > 0
    with torch.no_grad():
        logits = AutoModelForSequenceClassification.from_pretrained(folder).eval()(**tokens).logits[0]
    annotation = nli(SHORT, "no fever")
    assert list(annotation.scores.values()) == pytest.approx(logits.softmax(-1).tolist(), abs=1e-5)
    assert annotation.hypothesis == "no fever"
    assert nli([(SHORT, "no fever"), {"premise": SHORT, "hypothesis": "no fever"}]) == [annotation] * 2


@pytest.mark.parametrize("premise", ["", "fever"])
def test_a_long_hypothesis_leaves_room_for_any_premise(nli, premise) -> None:
    for words in range(50, 70):
        annotation = nli(premise, "fever " * words)
        assert (annotation.text, annotation.coverage.truncated) == (premise, False)


def test_labels_go_by_name_whatever_their_order(nli, head_folder, tmp_path) -> None:
    folder = tmp_path / "turned"
    shutil.copytree(head_folder("nli", NLI), folder)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    order = [2, 0, 1]
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][order].contiguous()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(index): NLI[old] for index, old in enumerate(order)}
    config["label2id"] = {label: int(index) for index, label in config["id2label"].items()}
    (folder / "config.json").write_text(json.dumps(config))
    turned = load_clinical(folder, "nli", device="cpu")
    for premise in (SHORT, NOTE):
        assert turned(premise, "no fever").label == nli(premise, "no fever").label
        assert turned(premise, "no fever").scores == pytest.approx(nli(premise, "no fever").scores, abs=1e-5)


def test_both_may_be_long(nli) -> None:
    annotation = nli(NOTE, NOTE[:900])
    assert annotation.coverage.characters == len(NOTE)
    assert annotation.coverage.windows > 100
    assert sum(annotation.scores.values()) == pytest.approx(1)
    assert nli(NOTE, "no fever").coverage.windows > 10


def test_a_pair_that_fits_is_read_at_once(nli, head_folder) -> None:
    folder = head_folder("nli", NLI)
    hypothesis = "no fever and no chest pain " * 7
    tokens = AutoTokenizer.from_pretrained(folder)(SHORT, hypothesis, return_tensors="pt")
    assert 40 < tokens["token_type_ids"].sum() < tokens["input_ids"].numel() < 64
    with torch.no_grad():
        logits = AutoModelForSequenceClassification.from_pretrained(folder).eval()(**tokens).logits[0]
    strict = load_clinical(folder, "nli", device="cpu", on_long="error")(SHORT, hypothesis)
    assert list(strict.scores.values()) == pytest.approx(logits.softmax(-1).tolist(), abs=1e-5)
    assert nli("", hypothesis).coverage.windows == 1


@pytest.mark.parametrize("labels", [("entailment", "not_entailment"), NLI])
def test_one_window_that_entails_decides(labels) -> None:
    task, silent = get_task("nli"), len(labels) - 1
    windows = [np.eye(len(labels))[silent] * 0.94 + 0.02] * 5
    windows[2] = np.full(len(labels), 0.1)
    windows[2][labels.index("entailment")] = 0.9
    plan = Plan("", [], Coverage(0, 0, 5), ([1] * 5, [1]))
    fields = task.finish(plan, windows, Head(labels), task.read_options({}))
    assert fields["classification"].label == "entailment"


def test_a_head_that_was_taught_another_task_is_refused(head_folder, tmp_path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(head_folder("nli", NLI), folder)
    assert load_clinical(folder, "classification") is not None
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"task_options": {"nli": {}}}))
    with pytest.raises(MissingHead, match=r"has no classification head \(it serves: embedding, nli\)"):
        load_clinical(folder, "classification")


def test_pairs_that_cannot_be_read(nli) -> None:
    with pytest.raises(NlpieError, match="the hypothesis is empty"):
        nli(SHORT, "  ")
    with pytest.raises(NlpieError, match="nli needs premise and hypothesis; hypothesis is missing"):
        nli(SHORT)
    with pytest.raises(NlpieError, match="nli takes premise and hypothesis, got 3 values"):
        nli("a", "b", "c")
    with pytest.raises(NlpieError, match="expected hypothesis to be a text"):
        nli(SHORT, 3)


def test_labels_that_a_config_does_not_name(tokenizer) -> None:
    assert Head.of({}, tokenizer).labels == ("LABEL_0", "LABEL_1")
    assert Head.of({"num_labels": 3, "id2label": None}, tokenizer).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert Head.of({"id2label": {"1": "yes", "0": "no"}, "num_labels": 3}, tokenizer).labels == ("no", "yes")
