"""Words and sentence starts: the places where a span may begin and end, and where a window may be cut."""

import numpy as np
import regex

# Letters, digits, marks and what BERT's normaliser deletes (control, format, unassigned) hold a word together;
# any other visible character is a word by itself.
_WORD = regex.compile(r"[\w\p{M}\p{N}[\p{C}--\s]]+|\S", regex.V1)
_SENTENCE_END = regex.compile(r"[.!?]+[\"')\]]*\s+|\s*\n\s*")


def find_words(text: str) -> np.ndarray:
    """Return the (start, end) character offsets of the words of a text, as an int array (words, 2)."""
    return _spans(match.span() for match in _WORD.finditer(text))


def find_sentence_starts(text: str) -> np.ndarray:
    """Return the character offsets at which a sentence or a line begins, the text's own start excepted."""
    return np.fromiter((match.end() for match in _SENTENCE_END.finditer(text)), dtype=np.int64)


def _spans(pairs: object) -> np.ndarray:
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)  # type: ignore[call-overload]
