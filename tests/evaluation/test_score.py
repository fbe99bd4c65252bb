"""Scores of a checkpoint as users get it."""

import json

import pytest

from nlpie_models import NlpieError, load_clinical
from nlpie_models.documents import Annotation, Coverage, Entity, Relation
from nlpie_models.errors import DataError
from nlpie_models.evaluation.score import evaluate_pipeline

TEXT = "No fever. Rash and cough from aspirin."
RASH, COUGH = Entity(10, 14, "problem", "Rash"), Entity(19, 24, "problem", "cough")
ASPIRIN = Entity(30, 37, "treatment", "aspirin")


@pytest.fixture
def data(tmp_path):
    def write(**changes):
        spans = [{"start": entity.start, "end": entity.end, "label": entity.label} for entity in (RASH, COUGH, ASPIRIN)]
        related = [{"head": 2, "tail": tail, "label": "causes"} for tail in (0, 1)]
        note = {"id": "n", "text": TEXT, "entities": spans, "relations": related, **changes}
        (tmp_path / "test.jsonl").write_text(json.dumps(note))
        return tmp_path

    return write


def found(*relations: Relation) -> list[Annotation]:
    entities = [end for relation in relations for end in (relation.head, relation.tail)]
    fields = {"entities": entities, "relations": list(relations)}
    return [Annotation(TEXT, Coverage(len(TEXT), 10, 1), tuple(fields), **fields)]


def test_relations_from_text_need_both_spans_and_the_label(head_folder, data, monkeypatch) -> None:
    pipe = load_clinical(head_folder("relation", ("causes", "none")), "relation")
    right = Relation(ASPIRIN, RASH, "causes", 0.9)
    for others, precision, recall in (
        ([], 1.0, 0.5),
        ([Relation(ASPIRIN, COUGH, "improves", 0.6)], 0.5, 0.5),
        ([Relation(ASPIRIN, Entity(19, 23, "problem", "coug"), "causes", 0.6)], 0.5, 0.5),
        ([Relation(COUGH, ASPIRIN, "causes", 0.6)], 0.5, 0.5),
        ([Relation(ASPIRIN, COUGH, "causes", 0.6)], 1.0, 1.0),
    ):
        asked = []
        annotations = found(right, *others)
        monkeypatch.setattr(
            pipe, "stream", lambda rows, asked=asked, made=annotations: asked.extend(rows) or iter(made)
        )
        run = evaluate_pipeline(pipe, data(), "test", protocol="from-text")
        assert asked == [{"text": TEXT}]
        assert (run.scores["precision"], run.scores["recall"]) == (precision, recall)


def test_whole_notes_are_needed_and_relations(head_folder, ner_folder, data) -> None:
    pipe = load_clinical(head_folder("relation", ("causes", "none")), "relation")
    with pytest.raises(DataError, match=r"test.jsonl:1: expected a whole note with entities and relations"):
        evaluate_pipeline(
            pipe, data(relations=[{"head": 9, "tail": 0, "label": "causes"}]), "test", protocol="from-text"
        )
    with pytest.raises(NlpieError, match="the protocol from-text is for relations, and the field of ner is entities"):
        evaluate_pipeline(load_clinical(ner_folder), data(), "test", protocol="from-text")


@pytest.mark.parametrize(
    ("labels", "unknown"),
    [(("Problem", "PROBLEM"), "PROBLEM, Problem"), (("drug", "drug"), "drug"), (("B-problem", "O"), "B-problem, O")],
)
def test_gold_labels_of_which_the_checkpoint_knows_none_are_no_score_of_0(labels, unknown, tmp_path) -> None:
    write_entities(tmp_path, *labels)
    message = f"test.jsonl: the checkpoint knows no {unknown}; it knows problem, test, treatment; --label-map"
    with pytest.raises(DataError, match=message):
        evaluate_pipeline(load_clinical(), tmp_path, "test")


def test_gold_labels_of_which_it_knows_some_are_said_and_scored(tmp_path) -> None:
    write_entities(tmp_path, "problem", "finding")
    with pytest.warns(UserWarning, match="the checkpoint knows no finding; it knows problem, test, treatment"):
        run = evaluate_pipeline(load_clinical(), tmp_path, "test")
    assert (run.labels["problem"].recall, run.labels["finding"].recall) == (1.0, 0.0)


def test_blanks_at_the_ends_of_gold_spans_cost_no_score(tmp_path) -> None:
    (tmp_path / "test.jsonl").write_text(
        '{"text": "Fever and cough.", "entities": [[0, 6, "problem"], [9, 15, "problem"]]}'
    )
    with pytest.warns(UserWarning, match="2 of 2 gold spans had blanks at an end"):
        assert evaluate_pipeline(load_clinical(), tmp_path, "test").scores["f1"] == 1.0


@pytest.mark.parametrize("task", ["classification", "nli"])
def test_gold_labels_of_texts_must_be_the_checkpoint_s_too(task, head_folder, tmp_path) -> None:
    pipe = load_clinical(head_folder(task, ("no", "yes")), task)
    row = dict.fromkeys(pipe.task.inputs, "pain")
    (tmp_path / "test.jsonl").write_text(json.dumps({**row, "label": "YES"}))
    with pytest.raises(DataError, match="the checkpoint knows no YES; it knows no, yes"):
        evaluate_pipeline(pipe, tmp_path, "test")
    (tmp_path / "test.jsonl").write_text(json.dumps({**row, "label": "yes"}))
    assert evaluate_pipeline(pipe, tmp_path, "test").documents == 1


def write_entities(folder, *labels: str) -> None:
    text = "Fever and cough."
    spans = [[0, 5, labels[0]], [10, 15, labels[1]]]
    (folder / "test.jsonl").write_text(json.dumps({"text": text, "entities": spans}))
