"""Labelled data sets: labels, options that follow from the rows, and rows that do not fit."""

import json

import pytest

from nlpie_models.data.labels import LabelMap
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.tasks import get_task
from nlpie_models.training.labelled import read_labelled_data


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
    ],
)
def test_rows_that_do_not_fit(folder, task, train, validation, message) -> None:
    with pytest.raises(DataError, match=message):
        read_labelled_data(get_task(task), folder(train, validation), LabelMap())


def test_options_that_do_not_exist(folder) -> None:
    with pytest.raises(NlpieError, match=r"Unknown classification option 'poling'\. Did you mean 'pooling'"):
        read_labelled_data(get_task("classification"), folder([{"text": "a", "label": "x"}]), LabelMap(), {"poling": 1})
