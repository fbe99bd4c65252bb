"""Words and encodings: exact offsets whatever the text holds."""

from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpie_models.documents import Encoder, find_words
from nlpie_models.documents.words import find_sentence_starts

OTHER = regex.compile(r"\p{C}")


def words_of(text: str) -> list[str]:
    return [text[start:end] for start, end in find_words(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("BP 120/80, temp 98.6F", ["BP", "120", "/", "80", ",", "temp", "98", ".", "6F"]),
        ("[**Name 12**]", ["[", "*", "*", "Name", "12", "*", "*", "]"]),
        ("cafe\u0301 x\u200dy a\u00adb x\x00y", ["cafe\u0301", "x\u200dy", "a\u00adb", "x\x00y"]),
        ("snake_case ½ 5\u2032", ["snake", "_", "case", "½", "5", "\u2032"]),
        ("\uf0b7fever \ufeffpneumonia\u200f \x1b", ["fever", "pneumonia"]),
        ("pneumonia____ a\x0cb\x85c", ["pneumonia", "_", "_", "_", "_", "a", "b", "c"]),
        ("a\r\nb\tc", ["a", "b", "c"]),
        ("\U0001f600ok", ["\U0001f600", "ok"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_words(text, words) -> None:
    assert words_of(text) == words


@given(st.text(max_size=200))
def test_words_cover_every_visible_character_and_are_never_cut(text) -> None:
    words = find_words(text)
    covered = np.zeros(len(text), dtype=bool)
    for start, end in words:
        assert start < end
        assert not covered[start:end].any()
        covered[start:end] = True
        assert not (start > 0 and text[start - 1].isalnum() and text[start].isalnum())
    assert all(covered[index] or char.isspace() or OTHER.match(char) for index, char in enumerate(text))
    assert not any(OTHER.match(text[index]) for start, end in words for index in (start, end - 1))


def test_sentence_starts() -> None:
    text = "No pain. Has fever?  Yes!\n\nPLAN:\n- aspirin 3.5 mg"
    assert [text[start:].split()[0] for start in find_sentence_starts(text)] == ["Has", "Yes!", "PLAN:", "-"]


@settings(max_examples=200)
@given(text=st.text(max_size=300))
def test_pieces_lie_in_the_text_and_first_pieces_in_their_words(tokenizer, text) -> None:
    encoding = Encoder(tokenizer.backend_tokenizer).encode(text)
    assert len(encoding.offsets) == len(encoding)
    assert (encoding.offsets[:, 0] >= 0).all()
    assert (encoding.offsets[:, 1] <= len(text)).all()
    for (start, end), first in zip(encoding.words, encoding.first_tokens, strict=True):
        assert first == -1 or start <= encoding.offsets[first, 0] < end
    assert (np.diff(encoding.word_starts) > 0).all()


def test_special_tokens_in_a_note_are_text(tokenizer) -> None:
    backend = tokenizer.backend_tokenizer
    mask = tokenizer.mask_token_id
    assert mask not in Encoder(backend).encode("pain [MASK] [SEP]").input_ids
    assert mask in Encoder(backend, reads_special_tokens=True).encode("pain [MASK]").input_ids


def test_encoder_ignores_the_tokenizers_truncation_and_leaves_it_alone(tokenizer) -> None:
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(4)
    try:
        assert len(Encoder(backend).encode("pain " * 50)) == 50
        assert backend.truncation["max_length"] == 4
    finally:
        backend.no_truncation()


def test_encoding_without_pieces_keeps_whole_words(tokenizer) -> None:
    encoding = Encoder(tokenizer.backend_tokenizer).encode("chest pain. zygote and fever")
    cut = encoding.without([(1, 2), (5, 6)])
    assert len(cut) == len(encoding) - 2
    assert [encoding.text[start:end] for start, end in cut.words] == ["chest", ".", "and", "fever"]
    for (start, _), first in zip(cut.words, cut.first_tokens, strict=True):
        assert cut.offsets[first, 0] == start
    (sentence,) = cut.sentence_starts
    assert encoding.text[cut.offsets[sentence, 0] :].startswith("zygote")
    assert len(encoding.without([]).words) == 6


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "Take ASA p.o. daily b.i.d. for pain. dr. Jones said so. Dr. Lee, 5 vs. 6. He has H.T.N. Stable."
    text += "\nSeen by Dr.\nLee."
    starts = find_sentence_starts(text).tolist()
    sentences = [text[a:b] for a, b in pairwise([0, *starts, len(text)])]
    assert sentences == [
        "Take ASA p.o. daily b.i.d. for pain. ",
        "dr. ",
        "Jones said so. ",
        "Dr. Lee, 5 vs. 6. ",
        "He has H.T.N. ",
        "Stable.\n",
        "Seen by Dr.\n",
        "Lee.",
    ]


@pytest.mark.parametrize("sign", ["\u2610", "\u2611", "\u2192", "\u00b0", "\u2122", "\U0001f912", "+"])
def test_a_sign_at_a_word_hides_no_word(tokenizer, sign) -> None:
    encoder = Encoder(tokenizer.backend_tokenizer)
    for text in (f"{sign}fever {sign}pain", f"fever{sign}pain", f"fever{sign}"):
        encoding = encoder.encode(text)
        names = [text[start:end] for start, end in encoding.words[encoding.first_tokens >= 0]]
        assert [name for name in names if name.isalpha()] == [name for name in ("fever", "pain") if name in text]
        plain = encoder.encode("fever").input_ids.tolist()
        assert encoding.input_ids[encoding.first_tokens[names.index("fever")]] == plain[0]
