"""The pairs of a whole note: those of the published set to the row, and what holds of any note."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.corpora import CORPORA_FOLDER
from nlpie_models.data.labels import LabelMap
from nlpie_models.data.pairs import pair_rows, related_spans
from nlpie_models.data.rows import list_splits, read_rows
from nlpie_models.errors import DataError
from nlpie_models.tasks import get_task

NOTES = CORPORA_FOLDER / "clinical_notes"
TEXT = "Plan:\nASA p.o. daily for CP. No SOB; fever after ASA."
ENTITIES = [
    {"start": 6, "end": 9, "label": "treatment"},
    {"start": 25, "end": 27, "label": "problem"},
    {"start": 32, "end": 35, "label": "problem"},
    {"start": 37, "end": 42, "label": "problem"},
    {"start": 49, "end": 52, "label": "treatment"},
]


def note(*relations: tuple[int, int, str], text: str = TEXT, entities=ENTITIES) -> dict:
    related = [{"head": head, "tail": tail, "label": label} for head, tail, label in relations]
    return {"id": "n", "text": text, "entities": entities, "relations": related}


def read(row):
    return get_task("relation").read_labelled([("notes.jsonl:1", row)], LabelMap())


@pytest.mark.parametrize(
    ("split", "count", "digest"),
    [
        ("train", 22_200, "ae07c17d6302de11be9f49698a4960441e45095550527e6fab968530a1502eb4"),
        ("validation", 2_133, "e2916e7c0caadadd1efb07eddfdca9d1321a0e744dab8186bec3adf81a84566f"),
        ("test", 1_591, "cd3e3efc2dad8c450fd7d41bad75d65286ba39ce1be9dba57946489f62104c20"),
        ("test_synthetic", 2_104, "cb97a7ecc0dee37bf4f32c3d776d3a94d3ba2bd09fe200938b561040fea35360"),
    ],
)
def test_the_pairs_of_the_corpus_are_those_that_were_published(split, count, digest) -> None:
    """The hashes are those of the set ``clinical_notes_relations``, which other programs have read."""
    rows = [pair for _, row in read_rows(list_splits(NOTES)[split]) for pair in pair_rows(row)]
    assert len(rows) == count
    assert sha256("".join(json.dumps(row) + "\n" for row in rows).encode()).hexdigest() == digest


def test_pairs_of_a_sentence_and_those_that_are_related() -> None:
    rows = {row["id"]: row for row in pair_rows(note((0, 1, "given_for"), (3, 2, "indicates"), (4, 1, "worsens")))}
    assert {name: row["label"] for name, row in rows.items()} == {
        "n-0-1": "given_for",
        "n-3-2": "indicates",
        "n-4-1": "worsens",
        "n-4-2": "none",
        "n-4-3": "none",
    }
    assert rows["n-0-1"]["text"] == "ASA p.o. daily for CP."
    assert rows["n-4-2"]["text"] == "No SOB; fever after ASA."
    assert rows["n-4-1"]["text"] == "ASA p.o. daily for CP. No SOB; fever after ASA."
    assert [row["id"] for row in pair_rows(note()) if row["head"]["type"] == "problem"] == ["n-2-3"]


def test_the_task_reads_notes_and_pairs() -> None:
    rows, golds = read(note((0, 1, "given_for")))
    assert golds == ["given_for", "none", "none", "none"]
    assert [row["id"] for row in rows] == ["n-0-1", "n-2-3", "n-4-2", "n-4-3"]
    assert read(rows[0]) == ([rows[0]], ["given_for"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (note((0, 9, "x")), "relation 0: expected head and tail to be positions of 5 entities"),
        (note((0, 1, "x"), (-1, 1, "x")), "relation 1: expected head and tail to be positions of 5 entities"),
        (note((1, 0, "x")), "relation 0: expected one from problem, test or treatment to problem"),
        (note((1, 1, "x")), "relation 0: head and tail are the same span"),
        (note((1, 2, "x"), (2, 1, "x")), "relation 1: its pair has one already"),
        ({**note(), "entities": [{"start": 0, "end": 3}, {"start": 3, "end": 4}]}, "'label' is missing"),
        ({"text": TEXT, "relations": []}, "'entities' is missing"),
    ],
)
def test_a_note_that_is_broken_names_the_line_and_quotes_no_text(row, message) -> None:
    with pytest.raises(DataError, match=r"notes\.jsonl:1: not a labelled row for relation") as caught:
        read(row)
    assert message in str(caught.value)
    assert "ASA" not in str(caught.value)


@st.composite
def notes(draw):
    words = draw(st.lists(st.sampled_from(["pain", "No", "p.o.", "2", "\n", "ASA.", "x?", '"Hi."', "(a)"]), min_size=1))
    text, spans = "", []
    for word in words:
        spans.append((len(text), len(text) + len(word)))
        text += word + draw(st.sampled_from([" ", "  ", "\n", "\n\n"]))
    labels = st.sampled_from(["problem", "test", "treatment", "anatomy"])
    entities = [
        {"start": start, "end": end, "label": draw(labels)}
        for start, end in spans
        if text[start:end].strip() and draw(st.booleans())
    ]
    pairs = [
        (head, tail, "x")
        for head in range(len(entities))
        for tail in range(head)
        if entities[head]["label"] != "anatomy" and entities[tail]["label"] == "problem" and draw(st.booleans())
    ]
    return note(*pairs, text=text, entities=entities)


@given(notes())
def test_every_pair_covers_its_entities_and_no_relation_is_lost(row) -> None:
    entities, seen = row["entities"], {}
    for pair in pair_rows(row):
        head, tail = map(int, pair["id"].split("-")[1:])
        assert pair["text"] == pair["text"].strip()
        assert pair["text"] in row["text"]
        for name, number in (("head", head), ("tail", tail)):
            entity, end = entities[number], pair[name]
            assert pair["text"][end["start"] : end["end"]] == row["text"][entity["start"] : entity["end"]]
            assert end["type"] == entity["label"]
        assert (head, tail) not in seen
        seen[head, tail] = pair["label"]
    related = {(relation["head"], relation["tail"]) for relation in row["relations"]}
    assert related == {pair for pair, label in seen.items() if label != "none"}
    assert not any((tail, head) in seen for head, tail in seen)
    assert {entities[tail]["label"] for _, tail in seen} <= {"problem"}


def test_the_relations_of_a_note_by_offsets() -> None:
    assert related_spans(note((0, 1, "given_for"), (4, 3, "causes"))) == [
        ((6, 9), (25, 27), "given_for"),
        ((49, 52), (37, 42), "causes"),
    ]
    with pytest.raises(ValueError, match="expected head and tail to be positions"):
        related_spans(note((0, 9, "causes")))
