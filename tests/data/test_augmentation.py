"""Altered copies of labelled notes."""

import random

from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.augmentation import CHANGES, augment

NOTE = "HPI: Mr. Smith, seen 3/4/2021.\r\n- chest pain;\n2) Aspirin 81 mg.\n\nNo fever.  He denies Dr. Lee's rash."


@st.composite
def labelled_notes(draw):
    text = draw(st.text(alphabet="ab .;-*•\n\rİßé1/2) Mr", max_size=80)) + draw(st.sampled_from(["", NOTE]))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return text, [(start, end, "problem") for start, end in zip(cuts[::2], cuts[1::2], strict=False)]


@given(labelled_notes(), st.integers(0, 10_000))
def test_labelled_text_is_the_same_but_for_its_case(note, seed):
    text, spans = note
    changed, moved = augment(text, spans, random.Random(seed))
    assert [label for *_, label in moved] == [label for *_, label in spans]
    for (start, end, _), (new_start, new_end, _) in zip(spans, moved, strict=True):
        before, after = text[start:end], changed[new_start:new_end]
        assert len(before) == len(after)
        assert all(
            one.lower() == two.lower() or one.upper() == two.upper() for one, two in zip(before, after, strict=True)
        )


def test_every_change_is_drawn():
    copies = [
        augment(NOTE, [(NOTE.index("chest"), NOTE.index(";"), "problem")], random.Random(seed))[0]
        for seed in range(200)
    ]
    assert any("Mr. Smith" not in copy and "seen" in copy for copy in copies)
    assert any("\n" not in copy for copy in copies)
    assert any("• chest pain" in copy for copy in copies)
    assert any("3/4/2021" not in copy for copy in copies)
    assert any(copy.isupper() for copy in copies)
    assert len(CHANGES) == 6
