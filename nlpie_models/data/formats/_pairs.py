"""Pairs of mentions as rows: those that a source relates, and those of the same types that it does not.

A pair is read in its lines and one line on either side. Pairs with more than ``APART`` characters between them are left
out, related or not: were only the related ones kept, distance would give them away. They are counted, as a score on
these rows says nothing of them. Unrelated pairs have the types (head, tail) that are related in training, in both
directions if those are; the reverse of a related pair is no pair.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from ._format import Item, Row
from ._mentions import Placed

APART = 300
UNRELATED = "none"
Types = Collection[tuple[str, str]]


@dataclass(frozen=True)
class Related:
    """A document's mentions, and the labels of those that are related (head, tail)."""

    document: str
    text: str
    mentions: Sequence[Placed]
    relations: Mapping[tuple[Placed, Placed], Sequence[str]]

    @property
    def types(self) -> set[tuple[str, str]]:
        """The types that its relations join."""
        return {(head.label, tail.label) for head, tail in self.relations}


def pair_items(documents: Mapping[str, Sequence[Related]], dropped: Counter[str]) -> dict[str, list[Item]]:
    """Return the documents of each split as rows of pairs."""
    learnt = documents.get("train") or [document for split in documents.values() for document in split]
    types = {pair for document in learnt for pair in document.types}
    return {
        split: [Item(document.document, list(_rows(document, types, dropped))) for document in group]
        for split, group in documents.items()
    }


def _rows(document: Related, types: Types, dropped: Counter[str]) -> Iterator[Row]:
    pairs = dict(document.relations)
    far = [pair for pair in pairs if pair[0].distance(pair[1]) > APART]
    for pair in far:
        dropped[f"relations over more than {APART} characters"] += len(pairs.pop(pair))
    for pair in _unrelated(document, types):
        pairs.setdefault(pair, [UNRELATED])
    number = 0
    for (head, tail), labels in sorted(pairs.items(), key=lambda item: _place(*item[0])):
        start, end = excerpt(document.text, min(head.start, tail.start), max(head.end, tail.end))
        for label in labels:
            yield {
                "id": f"{document.document}-{number}",
                "text": document.text[start:end],
                "head": head.as_argument(start),
                "tail": tail.as_argument(start),
                "label": label,
            }
            number += 1


def _unrelated(document: Related, types: Types) -> Iterator[tuple[Placed, Placed]]:
    for head, tail in permutations(dict.fromkeys(document.mentions), 2):
        if (head.label, tail.label) not in types or head.distance(tail) > APART:
            continue
        related = (head, tail) in document.relations or (tail, head) in document.relations
        if not related and (head.start, head.end) != (tail.start, tail.end):
            yield head, tail


def excerpt(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the lines that hold a span begin and end, with one line on either side."""
    before = text.rfind("\n", 0, start)
    after = text.find("\n", end)
    first = text.rfind("\n", 0, before) + 1 if before >= 0 else 0
    last = text.find("\n", after + 1) if after >= 0 else -1
    return first, last if last >= 0 else len(text.rstrip("\n"))


def _place(head: Placed, tail: Placed) -> tuple[int, int, int, int]:
    return head.start, head.end, tail.start, tail.end
