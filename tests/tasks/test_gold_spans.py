"""Gold spans of labelled rows: the forms in which people have them, and edges that no prediction could meet."""

import json
import warnings

import pytest

from nlpie_models.data.labels import LabelMap
from nlpie_models.errors import DataError
from nlpie_models.tasks import get_task

TEXT = "Fever and dry cough."


def read(*entities, text: str = TEXT, task: str = "ner"):
    [gold] = get_task(task).read_labelled([("d.jsonl:1", {"text": text, "entities": list(entities)})], LabelMap())[1]
    return gold


@pytest.mark.parametrize(
    "entity",
    [
        {"start": 10, "end": 19, "label": "problem"},
        {"start": 10, "end": 19, "label": "problem", "score": 0.5, "id": 7},
        [10, 19, "problem"],
        (10, 19, "problem"),
    ],
)
def test_a_span_is_a_mapping_or_start_end_and_label(entity) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(entity) == ((10, 19, "problem"),)
        assert read(entity, task="assertion") == ((10, 19, "problem"),)


@pytest.mark.parametrize(
    ("entities", "gold", "message"),
    [
        ([[0, 6, "problem"]], ((0, 5, "problem"),), "1 of 1 gold spans had blanks at an end"),
        ([[5, 9, "x"], [9, 19, "problem"]], ((6, 9, "x"), (10, 19, "problem")), "2 of 2 gold spans had blanks"),
        (
            [{"start": 9, "end": 14, "label": "a", "assertion": "negated"}],
            ((10, 13, "a/negated"),),
            "1 of 1 gold .*blanks",
        ),
        ([[0, 5, "problem"], [10, 17, "problem"]], ((0, 5, "problem"), (10, 17, "problem")), "1 of 2 .* inside a word"),
        ([[1, 5, "problem"]], ((1, 5, "problem"),), "1 of 1 gold spans begin or end inside a word"),
    ],
)
def test_edges_that_no_prediction_meets_are_trimmed_or_said(entities, gold, message) -> None:
    with pytest.warns(UserWarning, match=message) as said:
        assert read(*entities) == gold
    assert len(said) == 1


def test_line_breaks_and_wide_blanks_are_blanks() -> None:
    with pytest.warns(UserWarning, match="1 of 1 gold spans had blanks"):
        assert read([0, 9, "problem"], text="\r\n\u2003\xa0Fever") == ((4, 9, "problem"),)


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        ([0, 5], "'label' is missing"),
        ([0, 5, "problem", 1], r"expected a span as a mapping with start, end and label, or as \[start, end, label\]"),
        (5, "expected a span as a mapping"),
        ("Fever", "expected a span as a mapping"),
        (["0", "5", "problem"], "expected start and end as whole numbers"),
        ([0.0, 5.0, "problem"], "expected start and end as whole numbers"),
        (["problem", 0, 5], "expected start and end as whole numbers"),
        ([0, 5, 3], r"expected labels as texts \(str\), got int"),
        ([5, 6, "problem"], "the entity before character 6 is blank"),
        ([4, 4, "problem"], "an entity lies outside the text"),
        ([0, 99, "problem"], "an entity lies outside the text"),
    ],
)
@pytest.mark.parametrize("task", ["ner", "assertion"])
def test_spans_that_are_none(entity, message, task) -> None:
    with pytest.raises(DataError, match=f"^d.jsonl:1: not a labelled row for {task}: {message}"):
        read(entity, task=task)


@pytest.mark.parametrize("entities", [5, "Fever", {"start": 0}, None])
def test_entities_are_a_list(entities) -> None:
    with pytest.raises(DataError, match="expected entities as a list, got"):
        get_task("ner").read_labelled([("d.jsonl:1", {"text": TEXT, "entities": entities})], LabelMap())


def test_relations_of_a_whole_note_are_between_spans_of_any_form() -> None:
    note = {"id": "n", "text": "Rash from aspirin.", "relations": [{"head": 1, "tail": 0, "label": "causes"}]}
    spans = [
        [[0, 4, "problem"], [10, 17, "treatment"]],
        [{"start": 0, "end": 4, "label": "problem"}, {"start": 10, "end": 17, "label": "treatment"}],
    ]
    read = [get_task("relation").read_labelled([("d", {**note, "entities": given})], LabelMap()) for given in spans]
    assert json.dumps(read[0]) == json.dumps(read[1])
    assert read[0][1] == ["causes"]
