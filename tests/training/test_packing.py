"""Packing: every token in exactly one block, in order, and words whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.training.packing import Packer

CLS, SEP = 2, 3
FIRST_CONTINUING = 50
CONTINUES = np.arange(100) >= FIRST_CONTINUING
DOCUMENTS = st.lists(st.lists(st.integers(4, 99), max_size=40), max_size=8)


def pack(documents, size, *, parts=1, continues=CONTINUES, **options) -> list[list[int]]:
    packer = Packer(size, CLS, SEP, continues, **options)
    blocks = []
    for document in documents:
        pieces = np.array_split(np.array(document, dtype=np.int64), parts)
        for number, piece in enumerate(pieces, start=1):
            blocks += packer.add(piece, last=number == len(pieces))
    return [block.tolist() for block in [*blocks, *packer.flush()]]


@given(DOCUMENTS, st.integers(3, 20), st.booleans())
def test_every_token_is_in_one_block_in_order(documents, size, together) -> None:
    blocks = pack(documents, size, pack=together)
    assert all(3 <= len(block) <= size and block[0] == CLS and block[-1] == SEP for block in blocks)
    kept = [token for block in blocks for token in block[1:-1] if token != SEP]
    assert kept == [token for document in documents for token in document]


@given(DOCUMENTS, st.integers(3, 20), st.integers(2, 5), st.booleans())
def test_parts_of_a_document_make_the_same_blocks(documents, size, parts, together) -> None:
    assert pack(documents, size, parts=parts, pack=together) == pack(documents, size, pack=together)


@given(DOCUMENTS, st.integers(3, 20))
def test_a_block_never_holds_two_documents_unless_asked(documents, size) -> None:
    alone = [block for document in documents for block in pack([document], size)]
    assert pack(documents, size) == alone


@given(DOCUMENTS, st.integers(4, 20))
def test_a_word_is_cut_only_if_it_is_longer_than_a_block(documents, size) -> None:
    for document in documents:
        blocks = pack([document], size)
        for before, block in pairwise(blocks):
            if block[1] >= FIRST_CONTINUING:
                assert len(before) == size
                assert all(token >= FIRST_CONTINUING for token in before[2:-1])


def test_packed_documents_have_a_boundary_between_and_blocks_are_full() -> None:
    documents = [[10, 11], [12], [13, 14, 15, 16], [17]]
    assert pack(documents, 7, pack=True) == [
        [CLS, 10, 11, SEP, 12, SEP],
        [CLS, 13, 14, 15, 16, SEP],
        [CLS, 17, SEP],
    ]
    assert pack([[10, 11, 12, 13], [14, 15]], 7, pack=True) == [[CLS, 10, 11, 12, 13, SEP], [CLS, 14, 15, SEP]]


@pytest.mark.parametrize("together", [False, True])
def test_without_word_pieces_blocks_are_cut_anywhere(together) -> None:
    assert pack([[60, 61, 62]], 4, continues=None, pack=together) == [[CLS, 60, 61, SEP], [CLS, 62, SEP]]


def test_empty_documents_leave_nothing() -> None:
    assert pack([[], []], 8) == pack([[], []], 8, pack=True) == []
