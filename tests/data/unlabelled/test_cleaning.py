"""Cleaning: each step by itself, and all on texts of any kind."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.unlabelled.cleaning import (
    Cleaning,
    collapse_blanks,
    drop_headers,
    drop_rulers,
    join_lines,
    name_masks,
    remove_masks,
    repair_characters,
    shorten_rulers,
)
from nlpie_models.errors import UnknownName

NOTE = """Admission Date:  [**2151-7-16**]       Discharge Date:  [**2151-8-4**]\r
\r
Service: MEDICINE\r
-----------\r
History of Present Illness:\r
Mr. [**Known lastname 1829**] is an 87 yo man with\r
chest pain at 10:30,   seen at [**Hospital1 18**].\r
\r
\r
\r
Medications:\r
1. aspirin 81 mg\r
2. metoprolol\r
   twice daily\r
"""


def test_the_default_is_what_the_published_models_had() -> None:
    assert Cleaning()(NOTE) == (
        "Admission Date: [**2151-7-16**] Discharge Date: [**2151-8-4**]\n"
        "\n"
        "Service: MEDICINE -----\n"
        "History of Present Illness: Mr. [**Known lastname 1829**] is an 87 yo man with chest pain at 10:30, "
        "seen at [**Hospital1 18**].\n"
        "\n"
        "Medications:\n"
        "1. aspirin 81 mg\n"
        "2. metoprolol twice daily"
    )


@pytest.mark.parametrize(
    ("mask", "word"),
    [
        ("2151-7-16", "date"),
        ("7-16", "date"),
        ("Month/Day (2) 1096", "date"),
        ("Known lastname 1829", "name"),
        ("First Name8 (NamePattern2)", "name"),
        ("Name (NI)", "name"),
        ("Initials (NamePattern4)", "name"),
        ("Doctor Last Name 1183", "name"),
        ("Hospital1 18", "hospital"),
        ("Hospital Ward Name 121", "hospital"),
        ("Telephone/Fax (1) 3393", "contact"),
        ("Pager number 1", "contact"),
        ("Location (un) 620", "place"),
        ("State/Country 33", "place"),
        ("Age over 90", "age"),
        ("Medical Record Number", "number"),
        ("Numeric Identifier 1", "number"),
        ("Known\nlastname 5", "name"),
        ("Company 5", "organisation"),
        ("Q 5", "something"),
    ],
)
def test_masks_are_named_or_removed(mask, word) -> None:
    assert name_masks(f"seen by [**{mask}**].") == f"seen by {word}."
    assert remove_masks(f"seen by [**{mask}**].") == "seen by ."


def test_masks_of_mimic_iv() -> None:
    assert remove_masks("Mr. ___ seen on ___. ____ ruler") == "Mr.  seen on . ____ ruler"
    assert name_masks("Mr. ___") == "Mr. ___"
    assert shorten_rulers("Mr. ___ ________") == "Mr. ___ _____"


def test_rulers() -> None:
    assert shorten_rulers("a\n----------\nb ******** [**Name 1**][**Name 2**]") == (
        "a\n-----\nb ***** [**Name 1**][**Name 2**]"
    )
    assert drop_rulers("a\n=====\nb -- [**Name 1**]***") == "a\n\n\n\nb -- [**Name 1**]\n\n"


def test_headers() -> None:
    assert drop_headers("Past Medical History: asthma\nPE: normal\nHPI:\nshe said: no") == (
        " asthma\n normal\n\nshe said: no"
    )
    assert drop_headers("BP 120/80 at 10:30\nPlan for the day: rest") == "BP 120/80 at 10:30\nPlan for the day: rest"


def test_lines() -> None:
    assert join_lines("one\ntwo\n\nthree\n- four\n  five\nPlan: six\nseven") == (
        "one two\n\nthree\n- four five\nPlan: six seven"
    )


def test_blanks_and_characters() -> None:
    assert collapse_blanks("  a \t b\n\n\n \nc\n") == "a b\n\nc"
    assert repair_characters("a\r\nb\rc\0\ud800\x07") == "a\nb\nc\ufffd"


def test_a_choice_that_does_not_exist() -> None:
    with pytest.raises(UnknownName, match="Unknown choice for masks 'delete'"):
        Cleaning(masks="delete")


CHOICES = st.builds(
    Cleaning,
    masks=st.sampled_from(["keep", "name", "remove"]),
    rulers=st.sampled_from(["keep", "shorten", "drop"]),
    headers=st.sampled_from(["keep", "drop"]),
    lines=st.sampled_from(["keep", "join"]),
    blanks=st.sampled_from(["keep", "collapse"]),
)


@given(CHOICES, st.text() | st.text("[]*_- \n\rA:a1."))
def test_any_text_is_cleaned_and_can_be_written(cleaning, text) -> None:
    cleaning(text).encode()


@given(st.text() | st.text("ab \n\t:-1."))
def test_joining_and_collapsing_lose_no_word(text) -> None:
    assert collapse_blanks(join_lines(text)).split() == text.split()


@pytest.mark.parametrize(
    "unit", ["[**", "[**a", " ", "\n", "-", "_", "A:", "A ", "A:\n", "1.\n", "*", "\t\n", "[**a**]"]
)
def test_time_grows_with_the_text_only(unit) -> None:
    cleaning = Cleaning(masks="name", rulers="drop", headers="drop")
    start = time.perf_counter()
    cleaning(unit * (400_000 // len(unit)))
    assert time.perf_counter() - start < 5
