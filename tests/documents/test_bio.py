"""BIO decoding against seqeval, and its inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nlpie_models.documents.bio import decode_bio, encode_bio

TAGS = ["O", "B-problem", "I-problem", "B-test", "I-test"]


@given(st.lists(st.sampled_from(TAGS)))
def test_decodes_like_seqeval(tags) -> None:
    expected = [(first, last + 1, label) for label, first, last in get_entities(tags)]
    assert decode_bio(tags) == expected


@given(st.lists(st.sampled_from(TAGS)))
def test_encoding_the_decoded_repairs_and_then_changes_nothing(tags) -> None:
    spans = decode_bio(tags)
    repaired = encode_bio(len(tags), spans)
    assert decode_bio(repaired) == spans


def test_no_span_goes_on_at_an_edge() -> None:
    assert decode_bio(["B-test", "I-test", "I-test"], {1}) == [(0, 1, "test"), (1, 3, "test")]
    assert decode_bio(["B-test", "O", "I-test"], {1, 2}) == [(0, 1, "test"), (2, 3, "test")]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["B-test", "B-test"], [(0, 1, "test"), (1, 2, "test")]),
        (["I-test", "I-test", "O"], [(0, 2, "test")]),
        (["B-test", "I-problem"], [(0, 1, "test"), (1, 2, "problem")]),
        (["problem", "problem", "O", "test"], [(0, 2, "problem"), (3, 4, "test")]),
        (["B-x-ray", "I-x-ray"], [(0, 2, "x-ray")]),
        ([], []),
    ],
)
def test_repairs(tags, spans) -> None:
    assert decode_bio(tags) == spans
