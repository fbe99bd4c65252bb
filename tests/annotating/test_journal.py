"""The journal of a run: what counts as finished, and what is read back."""

import json
from collections import Counter

import pytest

from nlpie_models import NlpieError
from nlpie_models.annotating.journal import Journal
from nlpie_models.documents import Annotation, Coverage, Entity

SETTINGS = {"task": "ner"}
FEVER = Annotation("fever", Coverage(5, 1, 1), entities=[Entity(0, 5, "problem", "fever", 0.5)])
PAIR = Annotation("fever", Coverage(5, 1, 1), hypothesis="no \ud800 pain", entities=[])


@pytest.fixture
def journal(tmp_path) -> Journal:
    journal = Journal(tmp_path / "folder" / "out.jsonl", SETTINGS)
    assert journal.open(resume=False, overwrite=False) == Counter()
    return journal


def test_what_was_appended_is_read_back_in_order(journal) -> None:
    failure = NlpieError("a reason")
    journal.append([("a", FEVER), ("b", failure)])
    journal.append([("a", PAIR)])
    assert journal.open(resume=True, overwrite=False) == Counter({"a": 2, "b": 1})
    (_, first), (name, second), (_, third) = journal.read()
    assert (first, third) == (FEVER, PAIR)
    assert first.entities[0].score == 0.5
    assert (name, str(second)) == ("b", "a reason")
    journal.close()
    assert not journal.path.exists()


@pytest.mark.parametrize("lost", [1, 30, 400])
def test_a_group_that_was_cut_off_is_done_again(journal, lost) -> None:
    journal.append([("a", FEVER)])
    whole = journal.path.read_bytes()
    journal.append([("b", FEVER), ("c", FEVER)])
    journal.path.write_bytes(journal.path.read_bytes()[:-lost])
    assert journal.open(resume=True, overwrite=False) == Counter("a")
    assert journal.path.read_bytes() == whole


def test_a_header_that_was_cut_off_starts_anew(journal) -> None:
    journal.path.write_bytes(b'{"task"')
    assert journal.open(resume=True, overwrite=False) == Counter()
    assert json.loads(journal.path.read_text()) == SETTINGS


def test_an_unfinished_run_is_neither_taken_up_nor_dropped_unasked(journal, tmp_path) -> None:
    journal.append([("a", FEVER)])
    with pytest.raises(NlpieError, match="add --resume to go on or --overwrite"):
        journal.open(resume=False, overwrite=False)
    with pytest.raises(NlpieError, match="made with different settings"):
        Journal(tmp_path / "folder" / "out.jsonl", {"task": "nli"}).open(resume=True, overwrite=True)
    assert journal.open(resume=False, overwrite=True) == Counter()
