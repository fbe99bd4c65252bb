"""Words and sentence starts: the places where a span may begin and end, and where a window may be cut."""

import numpy as np
import regex

# Letters, digits, marks and what BERT's normaliser deletes (control, format, unassigned) hold a word together;
# any other visible character is a word by itself.
_WORD = regex.compile(r"[\w\p{M}\p{N}[\p{C}--\s]]+|\S", regex.V1)
# Possessive, so that each run of stops or blanks is read once: a note may be 300 kB of dots.
_BREAK = regex.compile(r"(?<![.!?])(?P<stop>[.!?]++[\"')\]]*+)\s++|\s++")
# The stop of an abbreviation: "p.o. daily", "Dr. Jones", "5 vs. 6".
_ABBREVIATION = regex.compile(r"(?:\b\p{L}\.)+\p{L}\.(?=\s+\p{Ll})|\b(?:Dr|Mr|Mrs|Ms|vs|approx)\.(?=[^\S\r\n]+\S)")


def find_words(text: str) -> np.ndarray:
    """Return the (start, end) character offsets of the words of a text, as an int array (words, 2)."""
    return np.array([match.span() for match in _WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)


def find_sentence_starts(text: str) -> np.ndarray:
    """Return the character offsets at which a sentence or a line begins, the start of the text excepted.

    The stop of an abbreviation ends no sentence: of a dotted one before a word in lower case, or of a title.
    """
    abbreviated = {match.end() for match in _ABBREVIATION.finditer(text)}
    breaks = (
        match.end()
        for match in _BREAK.finditer(text)
        if "\n" in match[0] or "\r" in match[0] or (match["stop"] and match.end("stop") not in abbreviated)
    )
    return np.fromiter(breaks, dtype=np.int64)
