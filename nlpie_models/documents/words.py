"""Words, sentence starts and cell starts: the places where a span may begin and end, and where a text may be cut."""

import numpy as np
import regex

# Letters, digits and marks hold a word together, as does what BERT's normaliser deletes between them (control, format,
# private use, unassigned); at its ends that is no part of it. Any other visible character is a word by itself.
_PART = r"[[\w--_]\p{M}\p{N}]++"
_WORD = regex.compile(rf"{_PART}(?:[\p{{C}}--\s]++{_PART})*+|[^\s\p{{C}}]", regex.V1)
_LINE_ENDS = frozenset("\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029")  # a tab ends a cell
# Possessive, so that each run of stops or blanks is read once: a note may be 300 kB of dots.
_BREAK = regex.compile(r"(?<=[^\s.!?…])(?P<stop>[.!?…]++[\"')\]]*+)\s++|\s++")
# Line and cell ends of HL7 and HTML.
_TAG = r"\\\.br\\|(?i:<(?:br|p|/p|/li|/tr|/td) ?/?>)"
# Ends without a blank or a line end: "No fever.Cough", tags, bars and tildes between cells.
_MARK = regex.compile(rf"(?<=\p{{Ll}})[.!?](?=\p{{Lu}}\p{{Ll}})|(?:{_TAG}|\||(?<=\s)~(?=\s))\s*+")
# Signs that begin an item of a list: bullets, boxes, Word's own (private use), and numbers such as "2)".
BULLETS = "•‣⁃∙▪▫●○◦■□➢➤✓✔☐☑☒\uf0a7\uf0b7\uf0d8\uf0fc"
_ITEM = regex.compile(rf"[{BULLETS}]|(?<=\s)\d{{1,2}}\)(?=\s)")
_CELL = regex.compile(rf"{_TAG}|[\t|\v\f\x1c-\x1e\x85\u2028\u2029{BULLETS}]")
# The stop of an abbreviation: "p.o. daily", "Dr. Jones", "5 vs. 6".
_ABBREVIATION = regex.compile(r"(?:\b\p{L}\.)+\p{L}\.(?=\s+\p{Ll})|\b(?:Dr|Mr|Mrs|Ms|vs|approx)\.(?=[^\S\r\n]+\S)")


def find_words(text: str) -> np.ndarray:
    """Return the (start, end) character offsets of the words of a text, as an int array (words, 2)."""
    return np.array([match.span() for match in _WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)


def find_sentence_starts(text: str) -> np.ndarray:
    """Return the character offsets at which a sentence, a line, a list item or a cell begins, but for the text's start.

    The stop of an abbreviation ends no sentence: of a dotted one before a word in lower case, or of a title.
    """
    abbreviated = {match.end() for match in _ABBREVIATION.finditer(text)}
    starts = [
        match.end()
        for match in _BREAK.finditer(text)
        if not _LINE_ENDS.isdisjoint(match[0]) or (match["stop"] and match.end("stop") not in abbreviated)
    ]
    starts += [match.end() for match in _MARK.finditer(text)]
    starts += [match.start() for match in _ITEM.finditer(text)]
    found = np.unique(np.array(starts, dtype=np.int64))
    return found[found > 0]


def find_cell_starts(text: str) -> np.ndarray:
    """Return the character offsets behind tabs, tags, bars, bullets and line separators, which end an entity."""
    return np.fromiter((match.end() for match in _CELL.finditer(text)), dtype=np.int64)
