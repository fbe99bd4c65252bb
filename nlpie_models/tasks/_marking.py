"""Entities marked in their context: what a model reads to tell how the two of a pair are related."""

import re
from functools import cache
from operator import itemgetter
from typing import Literal

import numpy as np

from ..documents import Encoding, Entity, Passage, Reader
from ..errors import NlpieError

Marking = Literal["typed-markers", "placeholders"]
Context = Literal["sentence", "window"]
Pieces = tuple[int, int]
"""A span of a text's word pieces: first, one past last."""
Edit = tuple[int, int, np.ndarray]
"""A span of word pieces, and the ids that are written in its place."""


def pieces_of(entity: Entity, encoding: Encoding) -> Pieces:
    """Return the pieces that an entity touches.

    Raises:
        NlpieError: The tokenizer has dropped all of its characters.
    """
    first = int(np.searchsorted(encoding.offsets[:, 1], entity.start, side="right"))
    stop = int(np.searchsorted(encoding.offsets[:, 0], entity.end, side="left"))
    if first >= stop:
        raise NlpieError(f"entity {entity.start} to {entity.end} has no character that the tokenizer keeps")
    return first, stop


def sentence_of(encoding: Encoding, piece: int) -> Pieces:
    """Return the pieces of the sentence that holds a piece."""
    starts = encoding.sentence_starts
    index = int(np.searchsorted(starts, piece, side="right"))
    return int(starts[index - 1]) if index else 0, int(starts[index]) if index < len(starts) else len(encoding)


def _length(span: Pieces, edits: list[Edit]) -> int:
    """Return how many pieces a span has after its edits."""
    return span[1] - span[0] + sum(len(ids) - (until - at) for at, until, ids in edits)


class Marker:
    """Makes the passages of a text's pairs.

    Args:
        reader: Reads for the checkpoint.
        encoding: The text's encoding.
        marking: How the two of a pair are marked; see :class:`nlpie_models.tasks.relation.RelationOptions`.
        context: How much is read around them.
    """

    def __init__(self, reader: Reader, encoding: Encoding, marking: Marking, context: Context) -> None:
        self._reader = reader
        self._encoding = encoding
        self._marking = marking
        self._context = context
        self._ids_of = cache(lambda text: reader.encoder.encode(text).input_ids)

    def mark(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> Passage | None:
        """Return the passage of a pair, or None if it does not fit into the window."""
        edits = self._edits(head, tail, head_pieces, tail_pieces)
        span = min(head_pieces[0], tail_pieces[0]), max(head_pieces[1], tail_pieces[1])
        if _length(span, edits) > self._reader.room:
            return None
        return self._reader.passage(self._excerpt(span, edits, self._reader.room))

    def mark_apart(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> Passage | None:
        """Return a passage of two excerpts, one around each entity of a pair, or None if these do not fit either."""
        edits = self._edits(head, tail, head_pieces, tail_pieces)
        spans = sorted([head_pieces, tail_pieces])
        edits_of = [[edit for edit in edits if span[0] <= edit[0] <= span[1]] for span in spans]
        needs = [_length(span, inner) for span, inner in zip(spans, edits_of, strict=True)]
        spare = self._reader.room - sum(needs)
        if spare < 0 or spans[0][1] >= spans[1][0]:
            return None
        excerpts = [
            self._excerpt(span, inner, need + spare // 2)
            for span, inner, need in zip(spans, edits_of, needs, strict=True)
        ]
        return self._reader.passage(np.concatenate(excerpts))

    def _excerpt(self, span: Pieces, edits: list[Edit], room: int) -> np.ndarray:
        """Return the pieces of a span with its edits and as much context as ``room`` leaves."""
        at, stop = self._with_context(*span, room - _length(span, edits))
        parts = []
        for start, until, ids in edits:
            parts += [self._encoding.input_ids[at:start], ids]
            at = until
        return np.concatenate([*parts, self._encoding.input_ids[at:stop]])

    def _with_context(self, first: int, stop: int, spare: int) -> Pieces:
        """Widen a span evenly on both sides, by at most ``spare`` pieces and to whole words."""
        low, high = 0, len(self._encoding)
        if self._context == "sentence":
            low, high = sentence_of(self._encoding, first)[0], sentence_of(self._encoding, stop - 1)[1]
        before, after = first - low, high - stop
        left = min(before, max(spare // 2, spare - after))
        right = min(after, spare - left)
        start = first - left
        if start > low:
            starts = self._encoding.word_starts
            start = min(int(starts[np.searchsorted(starts, start) :].min(initial=first)), first)
        return start, stop + right

    def _edits(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> list[Edit]:
        """Return the edits that mark a pair, by position."""
        if self._marking == "placeholders":
            return self._placeholders(head, tail, head_pieces, tail_pieces)
        edits = []
        for entity, (start, stop), sign, mark in ((head, head_pieces, "@", "*"), (tail, tail_pieces, "#", "^")):
            kind = re.sub(r"[\W_]+", " ", entity.label).lower()
            edits.append(((start, 1, start - stop), self._ids_of(f"{sign} {mark} {kind} {mark}")))
            edits.append(((stop, 0, -start), self._ids_of(sign)))
        return [(at, at, ids) for (at, *_), ids in sorted(edits, key=itemgetter(0))]

    def _placeholders(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> list[Edit]:
        if head_pieces[0] < tail_pieces[1] and tail_pieces[0] < head_pieces[1]:
            start, stop = min(head_pieces[0], tail_pieces[0]), max(head_pieces[1], tail_pieces[1])
            return [(start, stop, self._ids_of(f"@{head.label}-{tail.label}$"))]
        edits = [
            (start, stop, self._ids_of(f"@{entity.label}$"))
            for entity, (start, stop) in ((head, head_pieces), (tail, tail_pieces))
        ]
        return sorted(edits, key=itemgetter(0))
