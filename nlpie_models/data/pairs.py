"""The pairs of entities of a whole note, as rows of the task ``relation``.

A whole note is a row with ``text``, ``entities`` [{start, end, label}] and ``relations`` [{head, tail, label}], whose
head and tail are positions in ``entities``. Relations run from a treatment, a test or a problem to a problem. The rows
are the pairs that the note relates, and as ``none`` every other such pair within a sentence; of two problems that are
not related, only the pair in the order of the text. The text of a row is the sentence, or those that a relation spans.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from .spans import span_fields

UNRELATED = "none"
"""The label of a pair that is not related."""
TAIL = "problem"
HEADS = ("problem", "test", "treatment")
# An abbreviation in the middle of a sentence ("p.o. daily") ends none, as what follows begins in lower case.
_BREAK = re.compile(r"(?<=[.!?])\s++(?=[A-Z0-9(\"])|\n+")
_Span = Mapping[str, Any]


def pair_rows(note: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a whole note's pairs, by head and tail; ids are ``<id of the note>-<head>-<tail>``.

    Raises:
        KeyError, TypeError, ValueError: The row is no whole note, or a relation does not run between two of its
            entities, to a problem.
    """
    text, entities = note["text"], list(map(span_fields, note["entities"]))
    related = _read_relations(note["relations"], entities)
    edges = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
    sentences = [bisect_right(edges, entity["start"]) for entity in entities]
    for head, tail in sorted({*related, *_unrelated(entities, sentences, related)}):
        ends = entities[head], entities[tail]
        start = edges[min(sentences[head], sentences[tail]) - 1]
        excerpt = text[start : edges[bisect_left(edges, max(end["end"] for end in ends))]]
        start += len(excerpt) - len(excerpt.lstrip())
        yield {
            "id": f"{note['id']}-{head}-{tail}",
            "text": excerpt.strip(),
            "head": _as_argument(ends[0], start),
            "tail": _as_argument(ends[1], start),
            "label": related.get((head, tail), UNRELATED),
            "document": note["id"],
        }


def related_spans(note: Mapping[str, Any]) -> list[tuple[tuple[int, int], tuple[int, int], str]]:
    """Return the relations of a whole note: the offsets of head and tail, and the label.

    Raises:
        KeyError, TypeError, ValueError: As :func:`pair_rows`.
    """
    entities = list(map(span_fields, note["entities"]))
    related = _read_relations(note["relations"], entities)
    return [(_offsets(entities[head]), _offsets(entities[tail]), label) for (head, tail), label in related.items()]


def _read_relations(relations: Sequence[Mapping[str, Any]], entities: Sequence[_Span]) -> dict[tuple[int, int], str]:
    """Return the label of each related pair."""
    related: dict[tuple[int, int], str] = {}
    for number, relation in enumerate(relations):
        head, tail = relation["head"], relation["tail"]
        if any(type(end) is not int or not 0 <= end < len(entities) for end in (head, tail)):
            raise ValueError(f"relation {number}: expected head and tail to be positions of {len(entities)} entities")
        if _offsets(entities[head]) == _offsets(entities[tail]):
            raise ValueError(f"relation {number}: head and tail are the same span")
        if entities[head]["label"] not in HEADS or entities[tail]["label"] != TAIL:
            raise ValueError(f"relation {number}: expected one from {', '.join(HEADS[:-1])} or {HEADS[-1]} to {TAIL}")
        if (head, tail) in related or (tail, head) in related:
            raise ValueError(f"relation {number}: its pair has one already")
        related[head, tail] = relation["label"]
    return related


def _unrelated(
    entities: Sequence[_Span], sentences: Sequence[int], related: Mapping[tuple[int, int], str]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs within a sentence that could be related and are not."""
    together: dict[int, list[int]] = {}
    for number, sentence in enumerate(sentences):
        together.setdefault(sentence, []).append(number)
    for group in together.values():
        for head, tail in permutations(group, 2):
            first, second = entities[head], entities[tail]
            may_relate = first["label"] in HEADS and second["label"] == TAIL and _offsets(first) != _offsets(second)
            in_order = first["label"] != TAIL or _offsets(first) < _offsets(second)
            if may_relate and in_order and (tail, head) not in related:
                yield head, tail


def _offsets(span: _Span) -> tuple[int, int]:
    return span["start"], span["end"]


def _as_argument(span: _Span, offset: int) -> dict[str, Any]:
    return {"start": span["start"] - offset, "end": span["end"] - offset, "type": span["label"]}
