"""Cutting long texts: nothing is lost, and a word is cut only if it is very long."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.cutting import cut_text


@given(st.text() | st.text("a \n"), st.integers(1, 20))
def test_nothing_is_lost_and_pieces_begin_with_white_space(text, size) -> None:
    pieces = list(cut_text(text, size))
    assert "".join(pieces) == text
    assert all(size <= len(piece) <= 2 * size for piece in pieces[:-1])
    for before, piece in pairwise(pieces):
        assert piece[0].isspace() or len(before) == 2 * size
