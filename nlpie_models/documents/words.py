"""Words and sentence starts: the places where a span may begin and end, and where a window may be cut."""

import numpy as np
import regex

# Letters, digits, marks and what BERT's normaliser deletes (control, format, unassigned) hold a word together;
# any other visible character is a word by itself.
_WORD = regex.compile(r"[\w\p{M}\p{N}[\p{C}--\s]]+|\S", regex.V1)
# Possessive, so that each run of stops or blanks is read once: a note may be 300 kB of dots.
_BREAK = regex.compile(r"(?<![.!?])(?P<stop>[.!?]++[\"')\]]*+)\s++|\s++")


def find_words(text: str) -> np.ndarray:
    """Return the (start, end) character offsets of the words of a text, as an int array (words, 2)."""
    return np.array([match.span() for match in _WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)


def find_sentence_starts(text: str) -> np.ndarray:
    """Return the character offsets at which a sentence or a line begins, the text's own start excepted."""
    breaks = (match for match in _BREAK.finditer(text) if match["stop"] or "\n" in match[0] or "\r" in match[0])
    return np.fromiter((match.end() for match in breaks), dtype=np.int64)
