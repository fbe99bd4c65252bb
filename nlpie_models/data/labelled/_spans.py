"""Annotated spans: put in their places in the text, and paired as rows of relations.

Offsets of released corpora are sometimes slightly off. A span whose text is not at its offsets is moved to the only
place within ``NEAR`` characters where that text is found as whole words; a span without such a place, or with several,
is dropped. Two texts count as the same if they differ only in white space, case or escapes (``&apos;``).

A row of a relation is a pair of spans in its lines and one line on either side: a pair that the source relates, or an
unrelated one of the types (head, tail) that are related in training. Pairs with more than ``APART`` characters between
them are left out, related or not, and counted: if only the related ones were kept, a long distance alone would show
that a pair is related. The reverse of a related pair is not used as an unrelated one.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise, permutations, takewhile

from ...errors import DataError
from ..rows import LabelledRow
from ._format import DocumentRows

NEAR = 10
"""Characters that a span may be moved."""
APART = 300
"""Most characters between the spans of a pair."""
FEW = 3
"""Spans that may be lost before most of them have to be."""
MISPLACED = "annotations whose text is not at their offsets"
UNRELATED = "none"
"""The label of a pair that is not related."""
_ESCAPES = {"'": "&apos;", '"': "&quot;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True)
class Mention:
    """A span as a source states it.

    Attributes:
        key: The source's id of it.
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
class PlacedSpan:
    """A span that covers the text that its source states; equal to another with its offsets and label."""

    key: str = field(compare=False)
    label: str
    start: int
    end: int

    def as_entity(self, offset: int = 0) -> LabelledRow:
        """Return the span as an entity of a text that begins at an offset."""
        return {"start": self.start - offset, "end": self.end - offset, "label": self.label}

    def as_argument(self, offset: int = 0) -> LabelledRow:
        """Return the span as head or tail in a text that begins at an offset."""
        return {"start": self.start - offset, "end": self.end - offset, "type": self.label}

    def distance(self, other: "PlacedSpan") -> int:
        """Return the characters between two spans; below 0 if they overlap."""
        return max(self.start, other.start) - min(self.end, other.end)


Counting = Callable[[int], int]
"""A function from an offset as a source counts it to one in characters."""


def place_mentions(
    text: str,
    mentions: Sequence[Mention],
    dropped: Counter[str],
    notes: Counter[str],
    countings: Sequence[Counting] = (lambda offset: offset,),
) -> list[PlacedSpan]:
    """Return mentions as spans of their text, in its order.

    Args:
        text: The text.
        mentions: Spans as a source states them.
        dropped: Counts those that are left out.
        notes: Counts those that were moved, and discontinuous ones, which go from their first piece to their last, as
            in the scorer of n2c2 2018.
        countings: How the source may count. The one that fits most mentions is taken, the first of equals.

    Raises:
        DataError: Most mentions are not found: they belong to another text.
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
            span = _find_near(text, start, mention.words)
            if span:
                notes["spans moved to where their text is"] += 1
        if span:
            placed.append(PlacedSpan(mention.key, mention.label, *span))
        else:
            dropped[MISPLACED] += 1
            lost.append(mention)
    if len(lost) > max(FEW, len(mentions) / 2):
        raise DataError(f"{lost[0].where}: expected annotations of this text; most are not at their offsets")
    return sorted(placed, key=lambda span: (span.start, span.end, span.label))


def unique_entities(placed: Iterable[PlacedSpan], dropped: Counter[str]) -> list[LabelledRow]:
    """Return spans as the entities of a row; repetitions are left out and counted."""
    placed = list(placed)
    unique = list(dict.fromkeys(placed))
    if len(unique) < len(placed):
        dropped["annotations given twice"] += len(placed) - len(unique)
    return [span.as_entity() for span in unique]


def same_words(one: str, other: str) -> bool:
    """Whether two texts differ only in white space, case or escapes."""
    return _normalise(one) == _normalise(other)


def _find_near(text: str, start: int, words: str) -> tuple[int, int] | None:
    """Return the span of the only place within ``NEAR`` characters of an offset where words are found, or None."""
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


@dataclass(frozen=True)
class RelatedSpans:
    """The spans of a document, and the labels of the pairs (head, tail) that the source relates."""

    document: str
    text: str
    spans: Sequence[PlacedSpan]
    relations: Mapping[tuple[PlacedSpan, PlacedSpan], Sequence[str]]

    @property
    def types(self) -> set[tuple[str, str]]:
        """The pairs of types (head, tail) that its relations join."""
        return {(head.label, tail.label) for head, tail in self.relations}


def pair_spans(documents: Mapping[str, Sequence[RelatedSpans]], dropped: Counter[str]) -> dict[str, list[DocumentRows]]:
    """Return the rows of pairs of documents, by split; ``dropped`` counts the relations that are left out."""
    training = documents.get("train") or [document for split in documents.values() for document in split]
    types = {pair for document in training for pair in document.types}
    return {
        split: [DocumentRows(document.document, list(_pair_rows(document, types, dropped))) for document in group]
        for split, group in documents.items()
    }


def _pair_rows(
    document: RelatedSpans, types: Collection[tuple[str, str]], dropped: Counter[str]
) -> Iterator[LabelledRow]:
    pairs = dict(document.relations)
    far = [pair for pair in pairs if pair[0].distance(pair[1]) > APART]
    for pair in far:
        dropped[f"relations over more than {APART} characters"] += len(pairs.pop(pair))
    for pair in _unrelated(document, types):
        pairs.setdefault(pair, [UNRELATED])
    number = 0
    for (head, tail), labels in sorted(pairs.items(), key=lambda item: _offsets(*item[0])):
        start, end = _excerpt(document.text, min(head.start, tail.start), max(head.end, tail.end))
        for label in labels:
            yield {
                "id": f"{document.document}-{number}",
                "text": document.text[start:end],
                "head": head.as_argument(start),
                "tail": tail.as_argument(start),
                "label": label,
            }
            number += 1


def _unrelated(document: RelatedSpans, types: Collection[tuple[str, str]]) -> Iterator[tuple[PlacedSpan, PlacedSpan]]:
    for head, tail in permutations(dict.fromkeys(document.spans), 2):
        if (head.label, tail.label) not in types or head.distance(tail) > APART:
            continue
        related = (head, tail) in document.relations or (tail, head) in document.relations
        if not related and (head.start, head.end) != (tail.start, tail.end):
            yield head, tail


def _excerpt(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the lines that hold a span begin and end, with one line on either side."""
    before = text.rfind("\n", 0, start)
    after = text.find("\n", end)
    first = text.rfind("\n", 0, before) + 1 if before >= 0 else 0
    last = text.find("\n", after + 1) if after >= 0 else -1
    return first, last if last >= 0 else len(text.rstrip("\n"))


def _offsets(head: PlacedSpan, tail: PlacedSpan) -> tuple[int, int, int, int]:
    return head.start, head.end, tail.start, tail.end
