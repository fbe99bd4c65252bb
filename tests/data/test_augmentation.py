"""Altered copies of labelled notes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.augmentation import augment

NOTE = "HPI: Mr. Smith, seen 3/4/2021.\r\n- chest pain;\n2) Aspirin 81 mg.\n\nNo fever.  He denies Dr. Lee's rash."


@st.composite
def labelled_notes(draw):
    text = draw(st.text(alphabet="ab .;-*•\n\rİßıé1/2) Mr", max_size=80)) + draw(st.sampled_from(["", NOTE]))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return text, [(start, end, "problem") for start, end in zip(cuts[::2], cuts[1::2], strict=False)]


@given(labelled_notes(), st.integers(0, 10_000))
def test_labelled_text_is_the_same_but_for_its_case(note, seed):
    text, spans = note
    changed, moved = augment(text, spans, random.Random(seed))
    assert [label for *_, label in moved] == [label for *_, label in spans]
    edges = [edge for start, end, _ in moved for edge in (start, end)]
    assert edges == sorted(edges)
    assert not edges or edges[-1] <= len(changed)
    for (start, end, _), (new_start, new_end, _) in zip(spans, moved, strict=True):
        before, after = text[start:end], changed[new_start:new_end]
        assert len(before) == len(after)
        assert before.casefold() == after.casefold()


def copies(text: str, *labelled: str, seeds: int = 400) -> list[str]:
    """Return altered copies of a note in which these words are labelled."""
    spans = [(text.index(words), text.index(words) + len(words), "problem") for words in labelled]
    return [augment(text, spans, random.Random(seed))[0] for seed in range(seeds)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No fever.\nNo rash.\n\nNo pain", "No fever. No rash.  No pain"),
        ("No fever.\nNo rash", "No fever.\r\nNo rash"),
        ("No fever.\r\nNo rash", "No fever\r\nNo rash"),
        ("No fever. No rash", "No fever.  No rash"),
        ("No fever. No rash", "No fever.\nNo rash"),
        ("- pain\n2) rash", "1. pain\n1. rash"),
        ("  * pain", "pain"),
        ("• pain", "- pain"),
        ("seen 3/4/2021", "seen <DATE>"),
        ("seen 2021-03-04 or Sept. 5, 2020", "seen ___ or ___"),
        ("stroke in 2015", "stroke in XXXX"),
        ("a 45-year-old", "a [** **]-year-old"),
        ("a 45 yo", "a ___ yo"),
        ("saw Dr. Lee", "saw Dr. [**Name**]"),
        ("saw Mrs Lee", "saw Mrs [REDACTED]"),
        ("No µ, ß or İ", "NO Μ, ß OR İ"),
        ("No FEVER", "no fever"),
    ],
)
def test_what_copies_look_like(text, expected):
    assert expected in copies(text)


@pytest.mark.parametrize(
    ("text", "labelled"),
    [
        ("- [ ] fever\n1.  [x] rash\n☐ pain ☑ cough", ()),
        ("he takes 2000 ml for 3 weeks", ()),
        ("stroke in 2015", ("2015",)),
        ("- pain", ("- pain",)),
        ("pain.", ("pain.",)),
        ("a\nb", ("a\nb",)),
        ("saw Mr. Lee", ("Lee",)),
    ],
)
def test_checkboxes_other_numbers_and_labelled_text_stay(text, labelled):
    assert {" ".join(copy.lower().split()) for copy in copies(text, *labelled)} == {" ".join(text.lower().split())}


def test_titles_keep_their_names_on_the_line():
    assert not any("dr.\n" in copy.lower() for copy in copies("Seen. Dr. Lee agrees"))
