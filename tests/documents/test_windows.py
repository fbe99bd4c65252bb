"""Windows: they cover the document, respect their size, and each token is decided where it is most central."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.documents import plan_windows

EMPTY = np.array([], dtype=np.int64)


@st.composite
def plans(draw):
    tokens = draw(st.integers(0, 400))
    size = draw(st.integers(2, 60))
    overlap = draw(st.integers(0, size // 2))
    index = st.integers(0, max(tokens - 1, 0))
    words, sentences = (np.array(sorted(draw(st.sets(index, max_size=40))), dtype=np.int64) for _ in range(2))
    return tokens, size, overlap, words, sentences


@given(plans())
def test_windows_partition_the_document(plan) -> None:
    tokens, size, overlap, words, sentences = plan
    windows = plan_windows(tokens, size, overlap=overlap, word_starts=words, sentence_starts=sentences)
    decided = [index for window in windows for index in range(window.decided_start, window.decided_stop)]
    assert decided == list(range(tokens))
    for window in windows:
        assert window.stop - window.start <= size
        assert window.start <= window.decided_start <= window.decided_stop <= window.stop


@given(plans())
def test_each_token_is_decided_where_it_is_most_central(plan) -> None:
    tokens, size, overlap, words, sentences = plan
    windows = plan_windows(tokens, size, overlap=overlap, word_starts=words, sentence_starts=sentences)

    def context(window, token) -> int:
        left = token - window.start if window.start else tokens
        right = window.stop - 1 - token if window.stop < tokens else tokens
        return min(left, right)

    for window in windows:
        for token in range(window.decided_start, window.decided_stop):
            best = max(context(other, token) for other in windows if other.start <= token < other.stop)
            assert context(window, token) >= best - 1


def test_cuts_at_sentences_then_words_then_anywhere() -> None:
    words, sentences = np.arange(0, 100, 3), np.array([28])
    by_sentence = plan_windows(100, 40, overlap=6, word_starts=words, sentence_starts=sentences)
    assert by_sentence[0].stop == 28
    by_word = plan_windows(100, 40, overlap=6, word_starts=words, sentence_starts=EMPTY)
    assert by_word[0].stop == 39
    assert by_word[1].start in words
    anywhere = plan_windows(100, 40, overlap=6, word_starts=EMPTY, sentence_starts=EMPTY)
    assert [(window.start, window.stop) for window in anywhere] == [(0, 40), (34, 74), (68, 100)]


@given(plans(), st.integers(0, 400))
def test_a_part_is_cut_as_if_it_stood_alone(plan, start) -> None:
    tokens, size, overlap, words, sentences = plan
    alone = plan_windows(tokens, size, overlap=overlap, word_starts=words, sentence_starts=sentences)
    part = plan_windows(
        start + tokens,
        size,
        start=start,
        overlap=overlap,
        word_starts=np.concatenate([np.arange(0, start, 3), words + start, [start + tokens]]),
        sentence_starts=np.concatenate([np.arange(0, start, 7), sentences + start, [start + tokens]]),
    )
    for window, moved in zip(alone, part, strict=True):
        assert [value - start for value in astuple(moved)] == list(astuple(window))


def test_empty_and_short_documents_are_one_window() -> None:
    for tokens in (0, 1, 40):
        (window,) = plan_windows(tokens, 40, overlap=10, word_starts=EMPTY, sentence_starts=EMPTY)
        assert (window.start, window.stop) == (0, tokens)


@pytest.mark.parametrize(("size", "overlap"), [(1, 0), (10, 6), (10, -1)])
def test_impossible_sizes_are_refused(size, overlap) -> None:
    with pytest.raises(ValueError, match="overlap <= size / 2"):
        plan_windows(50, size, overlap=overlap, word_starts=EMPTY, sentence_starts=EMPTY)
