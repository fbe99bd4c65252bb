"""Labelled data sets: labels, options that follow from the rows, and rows that do not fit."""

import json

import pytest

from nlpie_models.checkpoint_files import LocalCheckpoint
from nlpie_models.data.labels import LabelMap
from nlpie_models.documents import Encoder, Reader
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.tasks import get_task
from nlpie_models.training.labelled import read_labelled_data
from nlpie_models.training.starting import HeadPlan, start_model


@pytest.fixture
def folder(tmp_path):
    def write(train, validation=None):
        for split, rows in (("train", train), ("validation", validation or train)):
            (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return tmp_path

    return write


def pair(label: str, tail_type: str = "Disease") -> dict:
    head, tail = {"start": 0, "end": 4, "type": "Chemical"}, {"start": 7, "end": 12, "type": tail_type}
    return {"text": "drug a fever", "head": head, "tail": tail, "label": label}


def test_relation_options_follow_from_the_rows(folder) -> None:
    data = folder([pair("CID"), pair("none"), pair("CID", "Dose")])
    read = read_labelled_data(get_task("relation"), data, LabelMap({"Chemical": "treatment", "CID": "causes"}))
    assert read.labels == ["causes", "none"]
    assert read.options == {"types": [["treatment", "Disease"], ["treatment", "Dose"]], "unrelated": "none"}
    assert read.train.rows[0]["head"]["type"] == "treatment"
    chosen = read_labelled_data(get_task("relation"), data, LabelMap(), {"context": "window", "unrelated": None})
    assert chosen.options["context"] == "window"
    assert chosen.options["unrelated"] is None


def test_one_label_or_independent_ones(folder) -> None:
    task = get_task("classification")
    one = read_labelled_data(task, folder([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]), LabelMap())
    assert (one.labels, one.multi_label) == (["x", "y"], False)
    rows = [{"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}]
    many = read_labelled_data(task, folder(rows), LabelMap({"y": "z"}))
    assert (many.labels, many.multi_label) == (["x", "z"], True)


def test_a_training_starts_with_its_own_options(head_folder) -> None:
    """What the start's head was used with is not what the new one is taught with."""
    folder = head_folder("relation", ("none", "CID"))
    start = LocalCheckpoint(folder)
    start.config["task_options"] = {"relation": {"marking": "placeholders"}}
    head = HeadPlan(get_task("relation"), ["none", "CID"], False, 32, {"context": "window"})
    model, _ = start_model(start, head, seed=1)
    assert model.config.task_options == {"relation": {"context": "window"}}


def test_the_same_labels_in_another_kind_of_head_are_learnt_anew(head_folder) -> None:
    labels = ("malignant", "ambiguous", "other")
    start = LocalCheckpoint(head_folder("classification", labels))
    for independent in (True, False):
        model, _ = start_model(start, HeadPlan(get_task("classification"), labels, independent, 32, {}), seed=1)
        assert (model.config.problem_type == "multi_label_classification") is independent


@pytest.mark.parametrize(
    ("task", "train", "validation", "message"),
    [
        ("classification", [{"text": "a", "label": "x"}], [{"text": "a", "label": "y"}], "labels that train lacks: y"),
        ("classification", [{"text": "a"}], None, r"train.jsonl:1: not a labelled row .*'label' is missing"),
        ("classification", [{"text": "a", "label": "x"}, {"text": "a", "labels": []}], None, "and got both"),
        ("classification", [{"text": 3, "label": "x"}], None, "train.jsonl:1: .*expected text to be a text"),
        ("nli", [{"premise": "a", "label": "x"}], None, "train.jsonl:1: .*hypothesis is missing"),
        ("relation", [{"text": "a", "label": "x"}], None, "train.jsonl:1: .*'head' is missing"),
        ("embedding", [{"text": "a"}], None, "embedding has no gold answers"),
        ("classification", [], None, "there is no row to read"),
        ("classification", [{"text": "a", "label": 1}], None, "train.jsonl:1: .*expected labels as texts"),
        ("classification", [{"text": "a", "labels": [0, 1]}], None, "train.jsonl:1: .*expected labels as texts"),
        ("nli", [{"premise": "a", "hypothesis": "b", "labels": ["x"]}], None, "train.jsonl:1: .*'label' is missing"),
        ("relation", [{**pair("x"), "text": "drug"}], None, "train.jsonl:1: .*tail 7 to 12 is empty or outside"),
        ("ner", [{"tokens": None, "ner_tags": None}], None, "train.jsonl:1: expected tokens as a list of texts"),
        ("ner", [{"tokens": [1], "ner_tags": ["O"]}], None, "train.jsonl:1: expected tokens as a list of texts"),
        ("ner", [{"tokens": ["a"], "ner_tags": [1]}], None, "train.jsonl:1: expected ner_tags as texts"),
    ],
)
def test_rows_that_do_not_fit(folder, task, train, validation, message) -> None:
    with pytest.raises(DataError, match=message):
        read_labelled_data(get_task(task), folder(train, validation), LabelMap())


def test_a_blank_row_teaches_nothing(folder, tokenizer) -> None:
    entities = [{"start": 0, "end": 4, "label": "problem"}]
    labelled = read_labelled_data(
        get_task("ner"), folder([{"text": "pain", "entities": entities}, {"text": " ", "entities": []}]), LabelMap()
    )
    reader = Reader(Encoder(tokenizer.backend_tokenizer), tokenizer.cls_token_id, tokenizer.sep_token_id, 16)
    assert [example["document"] for example in labelled.training_examples(reader)] == [0]
    assert [example["document"] for example in labelled.unlabelled_examples(["", "pain"], reader)] == [1]


def test_options_that_do_not_exist(folder) -> None:
    with pytest.raises(NlpieError, match=r"Unknown classification option 'poling'\. Did you mean 'pooling'"):
        read_labelled_data(get_task("classification"), folder([{"text": "a", "label": "x"}]), LabelMap(), {"poling": 1})
