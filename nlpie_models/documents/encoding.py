"""From a text to word pieces with exact character offsets, grouped into words."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import regex
from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Sequence, Split

from .markup import encodable
from .words import find_sentence_starts, find_words

# BERT cuts at ASCII signs and punctuation only: "☐Fever" would be one unknown piece, in which a model sees no fever.
_SYMBOL = Split(Regex(r"\p{S}"), "isolated")
# Of HL7, such as \.br\, and HTML.
_MARKUP = regex.compile(
    r"\\\.[a-z]{2}[+-]?\d*\\"
    r"|</?(?:a|b|br|div|em|font|h[1-6]|hr|i|li|ol|p|span|strong|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>\n]{0,200})?/?>",
    regex.IGNORECASE,
)
_DELETED_SPACE = regex.compile(r"[\v\f\x1c-\x1f\x85]")


@dataclass(frozen=True, eq=False)
class Encoding:
    """The word pieces and the words of a text.

    Attributes:
        text: The text as given.
        input_ids: Word pieces without special tokens (T,).
        offsets: Start and end of each piece in ``text`` (T, 2).
        words: Start and end of each word in ``text`` (W, 2).
        first_tokens: Index of each word's first piece (W,), or -1 for a word that the tokenizer dropped.
        sentence_starts: Indices of the pieces that begin a sentence.
    """

    text: str
    input_ids: np.ndarray
    offsets: np.ndarray
    words: np.ndarray
    first_tokens: np.ndarray
    sentence_starts: np.ndarray

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def word_starts(self) -> np.ndarray:
        """Ascending indices of the pieces that begin a word."""
        return self.first_tokens[self.first_tokens >= 0]

    def without(self, ranges: Iterable[tuple[int, int]]) -> "Encoding":
        """Return the encoding without these ranges of its pieces, and without the words that have a piece in them."""
        kept = np.ones(len(self), dtype=bool)
        for start, stop in ranges:
            kept[start:stop] = False
        seen = self.first_tokens >= 0
        words, first = self.words[seen], self.first_tokens[seen]
        last = np.searchsorted(self.offsets[:, 0], words[:, 1]) - 1
        position = np.cumsum(kept) - 1
        whole = kept[first] & (position[last] - position[first] == last - first)
        sentences = self.sentence_starts[self.sentence_starts < len(self)]
        return replace(
            self,
            input_ids=self.input_ids[kept],
            offsets=self.offsets[kept],
            words=words[whole],
            first_tokens=position[first[whole]],
            sentence_starts=position[sentences[kept[sentences]]],
        )


class Encoder:
    """Encodes texts of any length, by a copy of a tokenizer without truncation and padding.

    Args:
        tokenizer: The checkpoint's tokenizer.
        reads_special_tokens: Whether ``[MASK]`` written in a text means the token (fill-mask) or is just text.
    """

    def __init__(self, tokenizer: Tokenizer, *, reads_special_tokens: bool = False) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        if isinstance(self._tokenizer.pre_tokenizer, BertPreTokenizer):
            self._tokenizer.pre_tokenizer = Sequence([_SYMBOL, self._tokenizer.pre_tokenizer])
        self._reads_special_tokens = reads_special_tokens
        self._choose_special_tokens()

    def _choose_special_tokens(self) -> None:
        self._tokenizer.encode_special_tokens = not self._reads_special_tokens

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._choose_special_tokens()  # a tokenizer's pickle leaves the choice out

    def encode(self, text: str) -> Encoding:
        """Return the encoding of a text; the markup of HL7 and HTML in it reads as blanks."""
        visible = _MARKUP.sub(lambda match: " " * len(match[0]), text)
        # A lone surrogate is no character and cannot be encoded as UTF-8; its stand-in keeps every offset in place.
        # White space that BERT's normaliser would delete as control characters keeps words apart.
        seen = _DELETED_SPACE.sub(" ", encodable(visible))
        pieces = self._tokenizer.encode(seen, add_special_tokens=False)
        offsets = np.array(pieces.offsets, dtype=np.int64).reshape(-1, 2)
        words = find_words(visible)
        return Encoding(
            text=text,
            input_ids=np.array(pieces.ids, dtype=np.int64),
            offsets=offsets,
            words=words,
            first_tokens=_first_tokens(offsets, words),
            sentence_starts=np.unique(np.searchsorted(offsets[:, 0], find_sentence_starts(text))),
        )


def _first_tokens(offsets: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Return, for each word, the index of the first piece that starts within it, or -1."""
    first = np.searchsorted(offsets[:, 0], words[:, 0], side="left")
    starts = np.append(offsets[:, 0], np.iinfo(np.int64).max)[first]
    return np.where(starts < words[:, 1], first, -1)
