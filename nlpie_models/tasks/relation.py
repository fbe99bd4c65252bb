"""Relations between entities of a text: each pair is marked in its context and classified.

The checkpoint's config says how it was taught:

- ``marking``: ``typed-markers`` writes ``@ * drug * aspirin @`` around the head and ``# ^ problem ^ rash #`` around the
  tail, with signs that every vocabulary has (Zhou and Chen, 2022, https://arxiv.org/abs/2102.01373);
  ``placeholders`` writes ``@drug$`` in the place of a mention and ``@drug-problem$`` in that of two that overlap, as
  BLUE (https://arxiv.org/abs/1906.05474) and the published i2b2-2010 models do.
- ``context``: ``sentence`` reads the sentence that holds the pair, ``window`` as much around the pair as the window
  takes.
- ``types``: the (head, tail) types that can be related; without it all.
- ``unrelated``: the label that means no relation; such pairs are left out of the result, unless ``keep_unrelated`` or
  the caller named the pair.
- ``threshold``: the probability from which the likeliest relation is taken, however likely ``unrelated`` is; without it
  whatever label is likeliest. ``best`` has fine-tuning choose the one with the best F1 on validation.

Pairs are made of ``entities`` in both directions, if they stand in one context, no farther apart than a window and at
most ``max_distance`` characters. A named pair (``head`` and ``tail``) may be any. A pair that a window does not hold
with its markers is read in two excerpts, one around each. However long a text is, every pair is read: ``on_long`` is
for the checkpoint that finds the entities. ``assertion=True`` marks the entities as for ``ner``.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter
from typing import Any, Literal

import numpy as np

from ..data.labels import LabelMap
from ..documents import Annotation, Coverage, Encoding, Entity, Passage, Reader, Relation
from ..documents.assertion import assert_entities
from ..documents.assertion_rules import ASSERTIONS
from ..errors import NlpieError, TextTooLong
from ..scoring import best_threshold, count_labels
from ._task import SEQUENCES, Head, Plan, Row, Supervision, Task, softmax

Marking = Literal["typed-markers", "placeholders"]
Context = Literal["sentence", "window"]
Pieces = tuple[int, int]
Edit = tuple[int, int, np.ndarray]
_ENDS = ("head", "tail")
_UNRELATED = frozenset({"none", "false", "no_relation", "other"})


@dataclass(frozen=True)
class RelationOptions:
    """See the module."""

    marking: Marking = "typed-markers"
    context: Context = "sentence"
    types: Sequence[Sequence[str]] | None = None
    unrelated: str | None = None
    threshold: float | Literal["best"] | None = None
    max_distance: int | None = None
    keep_unrelated: bool = False
    assertion: bool = False


@dataclass(frozen=True)
class _Pairs:
    """The pairs of a text, whose passages are in the same order; ``named`` if the caller named the one pair."""

    entities: list[Entity]
    pairs: list[tuple[Entity, Entity]]
    named: bool


def _plan(row: Row, reader: Reader, options: RelationOptions) -> Plan:
    text, named = row["text"], "head" in row or "tail" in row
    if named:
        if not ("head" in row and "tail" in row):
            raise NlpieError("relation needs both head and tail")
        given = [_entity(row["head"], text, "head"), _entity(row["tail"], text, "tail")]
        if (given[0].start, given[0].end) == (given[1].start, given[1].end):
            raise NlpieError(f"head and tail are the same span, {given[0].start} to {given[0].end}")
    elif "entities" in row:
        if not isinstance(row["entities"], Sequence) or isinstance(row["entities"], str):
            raise NlpieError(f"entities: expected a list, got {type(row['entities']).__name__}")
        given = list({_entity(value, text, "entity"): None for value in row["entities"]})
    else:
        raise NlpieError("relation needs head and tail, or entities, or a checkpoint that finds them (ner=...)")
    if options.assertion:
        given = assert_entities(text, given)
    entities = sorted(given, key=lambda entity: (entity.start, entity.end, entity.label))
    encoding = reader.encoder.encode(text)
    pieces = {entity: _pieces(entity, encoding) for entity in entities}
    candidates = [(given[0], given[1])] if named else _candidates(entities, pieces, encoding, reader.room, options)
    marker = _Marker(reader, encoding, options)
    pairs, passages = [], []
    for head, tail in candidates:
        where = pieces[head], pieces[tail]
        passage = marker.mark(head, tail, *where) or marker.mark_apart(head, tail, *where)
        if passage is None:
            raise TextTooLong(
                f"the entities {head.start} to {head.end} and {tail.start} to {tail.end} do not fit into the window "
                f"of {reader.window} tokens; use a larger one"
            )
        pairs.append((head, tail))
        passages.append(passage)
    return Plan(text, passages, Coverage(len(text), len(encoding), len(passages)), _Pairs(entities, pairs, named))


def _entity(value: Any, text: str, name: str) -> Entity:
    """Read an entity that a caller gives: an Entity, a mapping, or (start, end).

    Raises:
        NlpieError: It is none of them, lies outside the text, or is blank.
    """
    try:
        if not isinstance(value, Entity):
            fields = value if isinstance(value, Mapping) else dict(zip(("start", "end"), value, strict=True))
            label = str(fields.get("label") or fields.get("type") or name)
            start, end = int(fields["start"]), int(fields["end"])
            score, assertion = float(fields.get("score", 1.0)), fields.get("assertion")
            if assertion not in (None, *ASSERTIONS):
                raise NlpieError(f"{name} {start} to {end}: expected an assertion of {', '.join(ASSERTIONS)}, or none")
            value = Entity(start, end, label, text[start:end], score, assertion)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise NlpieError(
            f"{name}: expected (start, end), an Entity, or a mapping with start, end and label, "
            f"got {type(value).__name__}"
        ) from None
    if not 0 <= value.start < value.end <= len(text):
        raise NlpieError(f"{name} {value.start} to {value.end} is empty or outside the text of {len(text)} characters")
    if not text[value.start : value.end].strip():
        raise NlpieError(f"{name} {value.start} to {value.end} is blank")
    return replace(value, text=text[value.start : value.end])


def _pieces(entity: Entity, encoding: Encoding) -> Pieces:
    """Return the pieces that an entity touches: first, one past last.

    Raises:
        NlpieError: The tokenizer has dropped all of its characters.
    """
    first = int(np.searchsorted(encoding.offsets[:, 1], entity.start, side="right"))
    stop = int(np.searchsorted(encoding.offsets[:, 0], entity.end, side="left"))
    if first >= stop:
        raise NlpieError(f"entity {entity.start} to {entity.end} has no character that the tokenizer keeps")
    return first, stop


def _candidates(
    entities: list[Entity], pieces: dict[Entity, Pieces], encoding: Encoding, room: int, options: RelationOptions
) -> Iterator[tuple[Entity, Entity]]:
    """Return the ordered pairs whose types may be related and that are near enough, by position."""
    allowed = None if options.types is None else {(head, tail) for head, tail in options.types}
    for index, first in enumerate(entities):
        start, stop = pieces[first]
        reach = stop + room
        if options.context == "sentence":
            reach = min(reach, _sentence(encoding, start)[1])
        for second in entities[index + 1 :]:
            distance = second.start - first.end
            if pieces[second][0] >= reach or (options.max_distance is not None and distance > options.max_distance):
                break
            if (first.start, first.end) == (second.start, second.end):
                continue
            for pair in ((first, second), (second, first)):
                if allowed is None or (pair[0].label, pair[1].label) in allowed:
                    yield pair


def _sentence(encoding: Encoding, piece: int) -> Pieces:
    """Return the pieces of the sentence that holds one."""
    starts = encoding.sentence_starts
    index = int(np.searchsorted(starts, piece, side="right"))
    return int(starts[index - 1]) if index else 0, int(starts[index]) if index < len(starts) else len(encoding)


def _length(span: Pieces, edits: list[Edit]) -> int:
    """Return how many pieces a span has once its edits are made."""
    return span[1] - span[0] + sum(len(ids) - (until - at) for at, until, ids in edits)


class _Marker:
    """Makes the passages of a text's pairs."""

    def __init__(self, reader: Reader, encoding: Encoding, options: RelationOptions) -> None:
        self._reader = reader
        self._encoding = encoding
        self._options = options
        self._ids_of = cache(lambda text: reader.encoder.encode(text).input_ids)

    def mark(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> Passage | None:
        """Return the passage of a pair, or None if it does not fit into the window."""
        edits = self._edits(head, tail, head_pieces, tail_pieces)
        span = min(head_pieces[0], tail_pieces[0]), max(head_pieces[1], tail_pieces[1])
        if _length(span, edits) > self._reader.room:
            return None
        return self._reader.passage(self._excerpt(span, edits, self._reader.room))

    def mark_apart(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> Passage | None:
        """Return a passage of two excerpts, one around each of a pair, or None if these do not fit either."""
        edits = self._edits(head, tail, head_pieces, tail_pieces)
        spans = sorted([head_pieces, tail_pieces])
        own = [[edit for edit in edits if span[0] <= edit[0] <= span[1]] for span in spans]
        needs = [_length(span, those) for span, those in zip(spans, own, strict=True)]
        spare = self._reader.room - sum(needs)
        if spare < 0 or spans[0][1] >= spans[1][0]:
            return None
        excerpts = [
            self._excerpt(span, those, need + spare // 2) for span, those, need in zip(spans, own, needs, strict=True)
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
        if self._options.context == "sentence":
            low, high = _sentence(self._encoding, first)[0], _sentence(self._encoding, stop - 1)[1]
        before, after = first - low, high - stop
        left = min(before, max(spare // 2, spare - after))
        right = min(after, spare - left)
        start = first - left
        if start > low:
            starts = self._encoding.word_starts
            start = min(int(starts[np.searchsorted(starts, start) :].min(initial=first)), first)
        return start, stop + right

    def _edits(self, head: Entity, tail: Entity, head_pieces: Pieces, tail_pieces: Pieces) -> list[Edit]:
        """Return what is written in the place of which pieces, by position."""
        if self._options.marking == "placeholders":
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


def _reduce(plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
    return softmax(output)


def _finish(plan: Plan, parts: list[np.ndarray], head: Head, options: RelationOptions) -> dict[str, Any]:
    found: _Pairs = plan.reading
    relations = []
    for pair, probabilities in zip(found.pairs, parts, strict=True):
        best = _choose(probabilities, head.labels, options)
        label = head.labels[best]
        if found.named or options.keep_unrelated or label != options.unrelated:
            relations.append(Relation(*pair, label, float(probabilities[best])))
    return {"entities": found.entities, "relations": relations}


def _choose(probabilities: np.ndarray, labels: Sequence[str], options: RelationOptions) -> int:
    """Return the index of the label that a pair is given."""
    if options.threshold in (None, "best") or options.unrelated not in labels:
        return int(probabilities.argmax())
    unrelated = labels.index(options.unrelated)
    related = probabilities.copy()
    related[unrelated] = -1.0
    likeliest = int(related.argmax())
    return likeliest if related[likeliest] >= options.threshold else unrelated


def _gold(row: Row, labels: LabelMap) -> str:
    return labels.rename(row["label"])


def _map_row(row: Row, labels: LabelMap) -> Row:
    """Rename the types of a row's pair, which must lie in the text."""
    for name in _ENDS:
        _entity(row[name], row["text"], name)
    ends = {name: {**row[name], "type": labels.names.get(row[name]["type"], row[name]["type"])} for name in _ENDS}
    return {**row, **ends}


def _tfidf_text(row: Row) -> str:
    """Return the text with the types in the place of the pair."""
    text = row["text"]
    for name in sorted(_ENDS, key=lambda name: row[name]["start"], reverse=True):
        end = row[name]
        text = f"{text[: end['start']]} {name}_{re.sub(r'[^A-Za-z]', '', end['type'])} {text[end['end'] :]}"
    return text


def _options(rows: Sequence[Row], golds: Sequence[str]) -> dict[str, Any]:
    """The pairs of types that the rows relate, and the label that means no relation."""
    types = sorted({(row["head"]["type"], row["tail"]["type"]) for row in rows})
    unrelated = [label for label in sorted(set(golds)) if label.lower() in _UNRELATED]
    return {"types": [list(pair) for pair in types], "unrelated": unrelated[0] if len(unrelated) == 1 else None}


def _tuned(
    golds: Sequence[str], annotate: Callable[..., Sequence[Annotation]], options: RelationOptions
) -> dict[str, Any]:
    """The threshold that gives the best F1 of the relations, if it is asked for."""
    if options.threshold != "best" or options.unrelated is None:
        return {}
    likeliest = [annotation.relations[0] for annotation in annotate(threshold=0.0)]
    right = [relation.label == gold for relation, gold in zip(likeliest, golds, strict=True)]
    wanted = sum(gold != options.unrelated for gold in golds)
    return {"threshold": best_threshold([relation.score for relation in likeliest], right, wanted)}


def _confidences(gold: str, annotation: Annotation) -> list[tuple[float, bool]]:
    [relation] = annotation.relations
    return [(relation.score, relation.label == gold)]


def _check_options(options: RelationOptions, head: Head) -> None:
    for pair in options.types or ():
        if len(pair) != 2:
            raise NlpieError(f"relation option types: expected pairs of a head's and a tail's type, got {list(pair)}")


TASK = Task(
    name="relation",
    aliases=("relation-extraction",),
    summary="relations between entities that are given, or found by a second checkpoint",
    auto_class=SEQUENCES,
    gives="relations",
    output="logits",
    plan=_plan,
    reduce=_reduce,
    finish=_finish,
    more_inputs=("head", "tail", "entities"),
    options=RelationOptions,
    check=_check_options,
    supervision=Supervision(
        gold=_gold,
        labels=lambda golds: sorted(set(golds)),
        targets=lambda plan, gold, labels: [np.array(labels.index(gold))],
        answer=lambda annotation: annotation.relations[0].label,
        confidences=_confidences,
        count=count_labels,
        metric="macro_f1",
        tfidf_text=_tfidf_text,
        options=_options,
        map_row=_map_row,
        tuned=_tuned,
    ),
)
