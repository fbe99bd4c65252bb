"""Annotated spans, checked against the text that they say they cover.

Offsets of released corpora are slightly off at times. A span whose text does not stand at its offsets is moved to the
only place within ``NEAR`` characters where it stands as whole words; if there is none, or more than one, it is dropped.
Texts are the same if they differ in white space, case or escapes (``&apos;``) only.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise, takewhile

from ...errors import DataError
from ._format import Row

NEAR = 10
FEW = 3
MISPLACED = "annotations whose text does not stand at their offsets"
_ESCAPES = {"'": "&apos;", '"': "&quot;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True)
class Mention:
    """A span as a source states it.

    Attributes:
        key: What the source calls it.
        label: Its label.
        pieces: Offsets of its pieces, ends exclusive; several if it is discontinuous.
        words: The text that it covers.
        where: ``file:line``.
    """

    key: str
    label: str
    pieces: tuple[tuple[int, int], ...]
    words: str
    where: str


@dataclass(frozen=True)
class Placed:
    """A span that covers what its source says; the same as another in its place with its label."""

    key: str = field(compare=False)
    label: str
    start: int
    end: int

    def as_entity(self, offset: int = 0) -> Row:
        """Return it as an entity of a text that begins at an offset."""
        return {"start": self.start - offset, "end": self.end - offset, "label": self.label}

    def distance(self, other: "Placed") -> int:
        """Return the characters between two; below 0 if they overlap."""
        return max(self.start, other.start) - min(self.end, other.end)

    def as_argument(self, offset: int = 0) -> Row:
        """Return it as head or tail in a text that begins at an offset."""
        return {"start": self.start - offset, "end": self.end - offset, "type": self.label}


Counting = Callable[[int], int]


def place_mentions(
    text: str,
    mentions: Sequence[Mention],
    dropped: Counter[str],
    notes: Counter[str],
    countings: Sequence[Counting] = (lambda offset: offset,),
) -> list[Placed]:
    """Place mentions in their text, in its order.

    Args:
        text: The text.
        mentions: Spans as a source states them.
        dropped: Counts those that are left out.
        notes: Counts those that were moved, and discontinuous ones, which go from their first piece to their last as
            for the shared task's own scorer.
        countings: How the source may count: functions from its offsets to ours. The one that fits the most is taken,
            the first of equals.

    Raises:
        DataError: Most mentions are not found, so that they belong to another text.
    """
    counting = max(countings, key=lambda count: sum(_stands(text, mention, count) for mention in mentions))
    placed, lost = [], []
    for mention in mentions:
        if not mention.words.strip():
            dropped["annotations without a text"] += 1
            continue
        start, end = counting(mention.pieces[0][0]), counting(mention.pieces[-1][1])
        if _stands(text, mention, counting):
            if any(
                text[counting(stop) : counting(onset)].strip() for (_, stop), (onset, _) in pairwise(mention.pieces)
            ):
                notes["discontinuous spans, taken from first to last piece"] += 1
            span: tuple[int, int] | None = _trim(text, start, end)
        else:
            span = find_near(text, start, mention.words)
            if span:
                notes["spans moved to where their text stands"] += 1
        if span:
            placed.append(Placed(mention.key, mention.label, *span))
        else:
            dropped[MISPLACED] += 1
            lost.append(mention)
    if len(lost) > max(FEW, len(mentions) / 2):
        raise DataError(f"{lost[0].where}: expected annotations of this text; most do not stand at their offsets")
    return sorted(placed, key=lambda span: (span.start, span.end, span.label))


def unique_entities(placed: Iterable[Placed], dropped: Counter[str]) -> list[Row]:
    """Return mentions as the entities of a row, those that are the same in place and label once."""
    placed = list(placed)
    unique = list(dict.fromkeys(placed))
    if len(unique) < len(placed):
        dropped["annotations given twice"] += len(placed) - len(unique)
    return [span.as_entity() for span in unique]


def same_words(one: str, other: str) -> bool:
    """Whether texts are the same but for white space, case and escapes."""
    return _normalise(one) == _normalise(other)


def find_near(text: str, start: int, words: str) -> tuple[int, int] | None:
    """Return the only place where words stand that starts within ``NEAR`` characters of ``start``, or None."""
    pattern = r"\s+".join("".join(map(_character, word)) for word in unescape(words).split())
    pattern = (r"(?<!\w)" if pattern[:1].isalnum() else "") + f"(?=({pattern}){_ending(words)})"
    matches = re.compile(pattern, re.IGNORECASE).finditer(text, max(0, start - NEAR))
    spans = [match.span(1) for match in takewhile(lambda match: match.start() <= start + NEAR, matches)]
    return spans[0] if len(spans) == 1 else None


def _stands(text: str, mention: Mention, counting: Counting) -> bool:
    pieces = [(counting(start), counting(end)) for start, end in mention.pieces]
    inside = all(0 <= start < end <= len(text) for start, end in pieces)
    return inside and same_words(" ".join(text[start:end] for start, end in pieces), mention.words)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out white space at the ends of a span."""
    covered = text[start:end]
    return end - len(covered.lstrip()), start + len(covered.rstrip())


def _normalise(text: str) -> str:
    return " ".join(unescape(text).lower().split())


def _character(character: str) -> str:
    escaped = re.escape(character)
    return f"(?:{escaped}|{_ESCAPES[character]})" if character in _ESCAPES else escaped


def _ending(words: str) -> str:
    return r"(?!\w)" if words.rstrip()[-1:].isalnum() else ""
