"""Labelled spans: reading, mapping, overlap, and errors that name file and line."""

import gzip
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.labels import LabelMap, read_label_map
from nlpie_models.data.rows import find_split, read_rows
from nlpie_models.data.spans import resolve_overlaps, spans_of_words
from nlpie_models.documents import find_words
from nlpie_models.errors import DataError
from nlpie_models.tasks import get_task

TEXT = "severe chest pain, given aspirin"
ENTITIES = [
    {"start": 0, "end": 17, "label": "History"},
    {"start": 7, "end": 17, "label": "Sign_symptom"},
    {"start": 25, "end": 32, "label": "Medication"},
]


@pytest.fixture
def folder(tmp_path):
    row = {"id": "1", "text": TEXT, "entities": ENTITIES}
    (tmp_path / "train.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    return tmp_path


AS_THEY_ARE = LabelMap()


def read_golds(folder, split="train", labels=AS_THEY_ARE):
    return get_task("ner").read_labelled(read_rows(find_split(folder, split)), labels)[1]


def test_mapping_comes_before_overlap(folder) -> None:
    assert read_golds(folder, labels=LabelMap(read_label_map("maccrobat2020"))) == [
        ((7, 17, "problem"), (25, 32, "treatment"))
    ]


def test_longest_or_preferred_wins(folder) -> None:
    assert read_golds(folder) == [((0, 17, "History"), (25, 32, "Medication"))]
    assert read_golds(folder, labels=LabelMap(prefer={"Sign_symptom"})) == [
        ((7, 17, "Sign_symptom"), (25, 32, "Medication"))
    ]


def test_tokens_without_a_text_are_joined(tmp_path) -> None:
    row = {"tokens": ["severe", "chest", "pain", "."], "ner_tags": ["O", "B-x", "I-x", "O"]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row))
    [(_, read)] = read_rows(tmp_path / "train.jsonl")
    assert read["text"] == "severe chest pain ."
    assert read["entities"] == [{"start": 7, "end": 17, "label": "x"}]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from("ab"))))
def test_resolved_spans_do_not_overlap_and_none_is_left_out_for_nothing(starts) -> None:
    spans = [(start, start + length, label) for start, length, label in starts]
    kept = resolve_overlaps(spans)
    assert set(kept) <= set(spans)
    assert all(one[1] <= other[0] for one, other in pairwise(kept))
    for start, end, _ in spans:
        assert any(start < stop and end > first for first, stop, _ in kept)


def test_spans_of_words() -> None:
    words = find_words(TEXT)
    assert spans_of_words(words, [(7, 17, "x"), (26, 30, "y"), (17, 18, "z")]) == [
        (1, 3, "x"),
        (5, 6, "y"),
        (3, 4, "z"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"train.jsonl:2: not a JSON line"),
        ("[]", r"train.jsonl:2: expected a JSON object"),
        ('{"text": "a"}', r"train.jsonl:2: not a labelled row for ner: 'entities' is missing"),
        (
            '{"text": "a", "entities": [{"start": 0, "end": 5, "label": "x"}]}',
            r"train.jsonl:2: .*an entity lies outside the text",
        ),
    ],
)
def test_errors_name_file_and_line(tmp_path, line, message) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": TEXT, "entities": ENTITIES}) + "\n" + line + "\n")
    with pytest.raises(DataError, match=message):
        read_golds(tmp_path)


def test_other_errors(folder) -> None:
    with pytest.raises(DataError, match=r"has no test.jsonl\[.gz\]; splits there: train"):
        read_golds(folder, "test")
    with pytest.raises(DataError, match="no row has an entity with one of the labels"):
        get_task("ner").labels_of(read_golds(folder, labels=LabelMap({"Nothing": "x"})))
    with pytest.raises(DataError, match=r"no label map 'x': expected a .toml file or one of ade_re, bc5cdr_re, macc"):
        read_label_map("x")
    (folder / "twice.toml").write_text('[labels]\na = ["X"]\nb = ["X"]')
    with pytest.raises(DataError, match="is under two targets"):
        read_label_map(str(folder / "twice.toml"))
    (folder / "text.toml").write_text('[labels]\na = "X"')
    with pytest.raises(DataError, match=r"a table \[labels\] of lists; text.toml: .*labels.a"):
        read_label_map(str(folder / "text.toml"))
