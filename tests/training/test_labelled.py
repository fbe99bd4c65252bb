"""Labelled data sets: labels, options that follow from the rows, and rows that do not fit."""

import json

import numpy as np
import pytest

from nlpie_models import load_clinical
from nlpie_models.documents import Passage, Reader
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.recipes import FinetuningArguments
from nlpie_models.tasks import get_task
from nlpie_models.training.labelled import LabelledRows, Validation, hold_out, read_labelled_data

ARGUMENTS = FinetuningArguments()


def label_map(folder, **labels: str) -> FinetuningArguments:
    """Return arguments with a map from one label of the data to each label."""
    path = folder / "map.toml"
    path.write_text("[labels]\n" + "".join(f'{label} = ["{name}"]\n' for label, name in labels.items()))
    return FinetuningArguments(label_map=str(path))


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


def test_relation_options_follow_from_the_rows(folder, tmp_path) -> None:
    data = folder([pair("CID"), pair("none"), pair("CID", "Dose")])
    read = read_labelled_data(get_task("relation"), data, label_map(tmp_path, treatment="Chemical", causes="CID"))
    assert read.labels == ["causes", "none"]
    assert read.options == {"types": [["treatment", "Disease"], ["treatment", "Dose"]], "unrelated": "none"}
    assert read.train.rows[0]["head"]["type"] == "treatment"
    chosen = read_labelled_data(
        get_task("relation"), data, FinetuningArguments(task_options={"context": "window", "unrelated": None})
    )
    assert chosen.options["context"] == "window"
    assert chosen.options["unrelated"] is None


def test_one_label_or_independent_ones(folder, tmp_path) -> None:
    task = get_task("classification")
    one = read_labelled_data(task, folder([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]), ARGUMENTS)
    assert (one.labels, one.multi_label) == (["x", "y"], False)
    rows = [{"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}]
    many = read_labelled_data(task, folder(rows), label_map(tmp_path, z="y"))
    assert (many.labels, many.multi_label) == (["x", "z"], True)


@pytest.mark.parametrize(
    ("task", "train", "validation", "message"),
    [
        ("classification", [{"text": "a", "label": "x"}], [{"text": "a", "label": "y"}], "labels that train lacks: y"),
        ("classification", [{"text": "a", "label": "x"}] * 2, None, "expected two labels at least .* got only x"),
        ("nli", [{"premise": "a", "hypothesis": "b", "label": "no"}], None, "two labels at least .* got only no"),
        ("relation", [pair("x"), pair("x", "Other")], None, "two labels at least .* got only x"),
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
        read_labelled_data(get_task(task), folder(train, validation), ARGUMENTS)


def test_one_label_that_a_text_may_have_or_not_can_be_learnt(folder) -> None:
    data = read_labelled_data(
        get_task("classification"), folder([{"text": "a", "labels": ["x"]}, {"text": "b", "labels": []}]), ARGUMENTS
    )
    assert data.labels == ["x"]
    data = read_labelled_data(get_task("ner"), folder([{"text": "Fever", "entities": [[0, 5, "problem"]]}]), ARGUMENTS)
    assert data.labels == ["O", "B-problem", "I-problem"]


def test_a_blank_row_teaches_nothing(folder, tokenizer) -> None:
    entities = [{"start": 0, "end": 4, "label": "problem"}]
    labelled = read_labelled_data(
        get_task("ner"), folder([{"text": "pain", "entities": entities}, {"text": " ", "entities": []}]), ARGUMENTS
    )
    reader = Reader.of(tokenizer, 16)
    assert [example["document"] for example in labelled.training_examples(reader)] == [0]
    assert [example["document"] for example in labelled.unlabelled_examples(["", "pain"], reader)] == [1]


def test_altered_copies_double_the_training_examples_only(folder, tokenizer) -> None:
    entities = [{"start": 3, "end": 7, "label": "problem", "assertion": "negated"}]
    rows = [{"text": "No pain.\nHe denies fever.", "entities": entities}, {"text": "The patient has", "entities": []}]
    labelled = read_labelled_data(get_task("ner"), folder(rows), ARGUMENTS)
    augmented = labelled.augmented(1, seed=1)
    reader = Reader.of(tokenizer, 16)
    assert len(labelled.training_examples(reader, unit="window")) == 2
    assert len(augmented.training_examples(reader, unit="window")) == 4
    assert augmented.train.golds == [*labelled.train.golds, ((3, 7, "problem/negated"),), ()]
    assert augmented.validation == labelled.validation
    assert augmented.train == labelled.augmented(1, seed=1).train
    assert augmented.train != labelled.augmented(1, seed=2).train


def test_options_that_do_not_exist(folder) -> None:
    data = folder([{"text": "a", "label": "x"}])
    with pytest.raises(NlpieError, match=r"Unknown classification option 'poling'\. Did you mean 'pooling'"):
        read_labelled_data(get_task("classification"), data, FinetuningArguments(task_options={"poling": 1}))


def test_rows_of_one_text_are_held_out_together() -> None:
    rows = [{"premise": f"p{number // 3}", "hypothesis": "h", "label": "x"} for number in range(30)]
    train, held_out = hold_out(LabelledRows(rows, [*range(30)]), get_task("nli"), share=0.2, seed=1)
    assert (len(train.rows), len(held_out.rows)) == (24, 6)
    assert not {row["premise"] for row in train.rows} & {row["premise"] for row in held_out.rows}
    assert [rows[gold] for gold in held_out.golds] == list(held_out.rows)


def test_validation_annotates_as_a_pipeline_does(head_folder, tokenizer) -> None:
    pipe = load_clinical(head_folder("nli", ("no", "yes")), "nli", device="cpu")
    rows = [{"premise": "the patient has fever " * number, "hypothesis": "fever"} for number in (1, 30, 2)]
    plans = [pipe.task.plan(row, pipe.reader, pipe.options) for row in rows]
    validation = Validation(pipe.task, LabelledRows(rows, ["yes"] * 3), plans, pipe.head, pipe.options)
    passages = [Passage(example["input_ids"], example["token_type_ids"]) for example in validation.examples]
    outputs = np.stack([pipe.engine.run([passage])[0] for passage in passages])
    for annotation, expected in zip(validation.annotate(outputs), pipe(rows), strict=True):
        assert annotation.hypothesis == "fever"
        assert annotation.classification.scores == pytest.approx(expected.classification.scores, abs=1e-5)
        assert (annotation.text, annotation.coverage) == (expected.text, expected.coverage)
