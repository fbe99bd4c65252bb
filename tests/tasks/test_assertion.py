"""Entities and their assertions from one head, and the assertions of given entities."""

import numpy as np
import pytest

from nlpie_models import NlpieError, load_clinical
from nlpie_models.data.labels import LabelMap
from nlpie_models.documents.assertion.labels import join_label, split_label
from nlpie_models.errors import MissingHead
from nlpie_models.tasks import Head, get_task
from nlpie_models.tasks._assertions import read_tags
from nlpie_models.tasks.serving import served_tasks

TAGS = (
    "O",
    "B-problem/negated",
    "I-problem/negated",
    "B-problem/present",
    "I-problem/present",
    "B-test",
    "I-test",
)
TEXT = "No severe fever. CT of chest."
FEVER, CT = {"start": 3, "end": 15, "label": "problem"}, {"start": 17, "end": 28, "label": "test"}
ROW = {"text": TEXT, "entities": [{**FEVER, "assertion": "negated"}, CT]}


@pytest.fixture
def folder(head_folder):
    return head_folder("ner", TAGS)


def answer(task_name, reader, row, tags, **options):
    """Return the annotation of a row when the model gives these tags, one a word."""
    task = get_task(task_name)
    chosen = task.read_options(options)
    plan = task.plan(row, reader, chosen)
    [passage] = plan.passages
    logits = np.zeros((len(passage), len(TAGS)), dtype=np.float32)
    encoding = (plan.reading if task_name == "ner" else plan.reading[0]).encoding
    for place, tag in zip(encoding.first_tokens, tags, strict=True):
        logits[place + 1] = 9.0 * np.eye(len(TAGS))[TAGS.index(tag)] if isinstance(tag, str) else tag
    head = Head(TAGS)
    return task.annotate(plan, [task.reduce(plan, 0, logits, head)], head, chosen)


NEGATED = ["O", "B-problem/negated", "I-problem/negated", "O", "B-test", "I-test", "I-test", "O"]


def test_a_label_without_an_assertion_stays_whole() -> None:
    for label in ("problem", "drug/food", "a/b/c"):
        assert split_label(label) == (label, None)
        assert split_label(join_label(label, "family")) == (label, "family")


def test_the_probability_of_a_label_is_the_sum_over_its_assertions() -> None:
    tags = read_tags(TAGS)
    assert tags.tags == ("O", "B-problem", "I-problem", "B-test", "I-test")
    merged = tags.merge(np.array([[0.3, 0.2, 0.0, 0.25, 0.0, 0.25, 0.0]], dtype=np.float32))
    assert merged.tolist() == [pytest.approx([0.3, 0.45, 0.0, 0.25, 0.0])]


def test_entities_get_the_assertions_that_the_model_has_learnt(folder) -> None:
    reader = load_clinical(folder).reader
    entities = answer("ner", reader, {"text": TEXT}, NEGATED, assertion=True).entities
    assert [(entity.text, entity.label, entity.assertion) for entity in entities] == [
        ("severe fever", "problem", "negated"),
        ("CT of chest", "test", None),
    ]
    present = [tag.replace("negated", "present") for tag in NEGATED]
    for options, expected in (({}, None), ({"assertion": "model"}, None), ({"assertion": "rules"}, "negated")):
        assert answer("ner", reader, {"text": TEXT}, present, **options).entities[0].assertion == expected


def test_the_rules_tell_the_family_unless_the_model_says_negated_or_is_confident(folder) -> None:
    reader = load_clinical(folder).reader
    text = "Family history: severe fever, CT scan"
    present = ["O", "O", "O", "B-problem/present", "I-problem/present", "O", "B-test", "I-test"]
    negated = [tag.replace("present", "negated") for tag in present]
    doubtful = [
        *present[:3],
        np.log([1e-9, 0.2, 1e-9, 0.8, 1e-9, 1e-9, 1e-9]),
        np.log([1e-9, 1e-9, 0.2, 1e-9, 0.8, 1e-9, 1e-9]),
        *present[5:],
    ]
    said = {}
    for name, tags, option in [
        ("doubtful", doubtful, True),
        ("its model", doubtful, "model"),
        ("present", present, True),
        ("negated", negated, True),
    ]:
        entities = answer("ner", reader, {"text": text}, tags, assertion=option).entities
        said[name] = [(entity.label, entity.assertion) for entity in entities]
        given = [{"start": e.start, "end": e.end, "label": e.label} for e in entities]
        method = "both" if option is True else option
        row = {"text": text, "entities": given}
        assert [(e.label, e.assertion) for e in answer("assertion", reader, row, tags, method=method).entities] == said[
            name
        ]
    assert said == {
        "doubtful": [("problem", "family"), ("test", None)],
        "its model": [("problem", None), ("test", None)],
        "present": [("problem", None), ("test", None)],
        "negated": [("problem", "negated"), ("test", None)],
    }


def test_words_that_disagree_on_the_assertion_are_one_entity(folder) -> None:
    reader = load_clinical(folder).reader
    mixed = ["O", "B-problem/negated", np.log([1e-9, 1e-9, 0.4, 1e-9, 0.6, 1e-9, 1e-9]), *NEGATED[3:]]
    [fever, _] = answer("ner", reader, {"text": TEXT}, mixed, assertion=True).entities
    assert (fever.text, fever.assertion) == ("severe fever", "negated")


def test_gold_spans_are_learnt_with_their_assertions_and_scored_without() -> None:
    ner = get_task("ner")
    gold = ner.gold_of(ROW, LabelMap())
    assert gold == ((3, 15, "problem/negated"), (17, 28, "test"))
    assert ner.labels_of([gold]) == ["O", "B-problem/negated", "I-problem/negated", "B-test", "I-test"]
    assert ner.count(gold, [(3, 15, "problem"), (17, 28, "test")]) == {"problem": (1, 1, 1, 1), "test": (1, 1, 1, 1)}


def test_the_assertion_of_given_entities(folder) -> None:
    pipe = load_clinical(folder, "assertion")
    assert served_tasks(pipe.checkpoint) == ["assertion", "embedding", "ner"]
    task = get_task("assertion")
    gold = task.gold_of(ROW, LabelMap())
    right = answer("assertion", pipe.reader, ROW, NEGATED)
    assert [entity.assertion for entity in right.entities] == ["negated", None]
    assert task.count(gold, task.predicted_of(right)) == {"negated": (1, 1, 1, 1)}
    wrong = answer("assertion", pipe.reader, ROW, [tag.replace("negated", "present") for tag in NEGATED])
    assert task.outcomes([gold], [task.predicted_of(wrong)]).score("f1") == 0.0
    assert task.confidences(gold, wrong) == [(pytest.approx(0.99, abs=0.02), False)]
    by_rules = answer("assertion", pipe.reader, ROW, ["O"] * len(NEGATED), method="rules")
    assert by_rules.entities[0].assertion == "negated"


def test_what_has_learnt_no_assertions_says_so(ner_folder, folder) -> None:
    with pytest.raises(NlpieError, match="has learnt no assertions"):
        load_clinical(ner_folder, assertion="model")
    with pytest.raises(MissingHead, match="has no assertion head"):
        load_clinical(ner_folder, "assertion")
    with pytest.raises(NlpieError, match="assertion needs entities"):
        load_clinical(folder, "assertion")(TEXT)
