"""Relations between entities of a text: each pair is marked in its context and classified.

Pairs are made of ``entities`` in both directions, if the two stand in one context, no farther apart than a window and
at most ``max_distance`` characters. A pair that the row names (``head`` and ``tail``) may be any. A pair that a window
does not hold with its markers is read in two excerpts, one around each entity. However long a text is, every pair is
read: ``on_long`` is for the checkpoint that finds the entities.
"""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..data.labels import LabelMap
from ..data.pairs import pair_rows
from ..documents import Annotation, Coverage, Encoding, Entity, Reader, Relation
from ..documents.assertion.assertion import assert_entities
from ..errors import NlpieError, TextTooLong
from ..metrics.counts import Count, best_threshold, count_labels
from ._entities import as_entities, as_entity
from ._marking import Context, Marker, Marking, Pieces, pieces_of, sentence_of
from ._task import SEQUENCES, Head, Plan, Row, Task, softmax

_ENDS = ("head", "tail")
_MANY_PAIRS = 500
"""Pairs of a text that take seconds on a CPU."""
_UNRELATED = frozenset({"none", "false", "no_relation", "other"})


@dataclass(frozen=True)
class RelationOptions:
    """Which pairs are read and how, and which relations are kept. A checkpoint's config says how it was trained.

    Attributes:
        marking: ``typed-markers`` writes ``@ * drug * aspirin @`` around the head and ``# ^ problem ^ rash #`` around
            the tail, with signs that every vocabulary has (Zhou and Chen, 2022, https://arxiv.org/abs/2102.01373);
            ``placeholders`` writes ``@drug$`` in the place of a mention and ``@drug-problem$`` in that of two that
            overlap, as BLUE (https://arxiv.org/abs/1906.05474) and the published i2b2-2010 models do.
        context: ``sentence`` reads the sentence that holds the pair, ``window`` as much around the pair as the window
            takes.
        types: The types (head, tail) that can be related; without it all.
        unrelated: The label that means no relation. Such pairs are left out of the result, unless ``keep_unrelated``
            is set or the row names the pair.
        threshold: The probability from which the most probable relation is predicted, however probable ``unrelated``
            is; without it the most probable label is predicted. ``best`` has fine-tuning choose the threshold with the
            best F1 on validation.
        max_distance: Most characters between the two entities of a pair; without it any number.
        keep_unrelated: Keep pairs without a relation in the result.
        assertion: Mark the entities as the task ``ner`` does.
    """

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
    """The pairs of a text, in the order of their passages.

    Attributes:
        entities: The entities that the pairs are made of.
        pairs: Head and tail of each pair.
        named: Whether the row names the one pair.
    """

    entities: list[Entity]
    pairs: list[tuple[Entity, Entity]]
    named: bool


class RelationTask(Task):
    """Relation extraction. A gold answer is the label of the pair that the row names.

    A labelled row may also be a whole note with its entities and relations, which stands for the rows of its pairs.
    """

    name = "relation"
    aliases = ("relation-extraction",)
    summary = "relations between entities of the caller, or of a second checkpoint"
    auto_class = SEQUENCES
    output = "logits"
    field = "relations"
    optional_inputs = (*_ENDS, "entities")
    options = RelationOptions
    metric = "f1"
    labelled_row = (
        "`text`, `head` and `tail` (each with `start`, `end`, `type`), `label`; or, of a whole note, `id`, `text`, "
        "`entities` and `relations` (each with `head` and `tail`, positions in `entities`, and `label`)"
    )
    hub_pipeline = "text-classification"
    usage = '("He takes lisinopril for hypertension.").relations'
    sample: ClassVar[Row] = {
        "text": "He takes lisinopril for hypertension.",
        "head": {"start": 9, "end": 19, "type": "treatment"},
        "tail": {"start": 24, "end": 36, "type": "problem"},
    }

    def plan(self, row: Row, reader: Reader, options: RelationOptions) -> Plan:
        """Mark each pair of entities, or the one that the row names, in its context."""
        text, named = row["text"], "head" in row or "tail" in row
        if named:
            if not ("head" in row and "tail" in row):
                raise NlpieError("relation needs both head and tail")
            chosen = [as_entity(row["head"], text, "head"), as_entity(row["tail"], text, "tail")]
            if (chosen[0].start, chosen[0].end) == (chosen[1].start, chosen[1].end):
                raise NlpieError(f"head and tail are the same span, {chosen[0].start} to {chosen[0].end}")
        elif "entities" in row:
            chosen = as_entities(row["entities"], text)
        else:
            raise NlpieError("relation needs head and tail, or entities, or a checkpoint that finds them (ner=...)")
        if options.assertion:
            chosen = assert_entities(text, chosen)
        entities = sorted(chosen, key=lambda entity: (entity.start, entity.end, entity.label))
        encoding = reader.encoder.encode(text)
        pieces = {entity: pieces_of(entity, encoding) for entity in entities}
        candidates = (
            [(chosen[0], chosen[1])] if named else _candidates(entities, pieces, encoding, reader.room, options)
        )
        marker = Marker(reader, encoding, options.marking, options.context)
        pairs, passages = [], []
        for head, tail in candidates:
            where = pieces[head], pieces[tail]
            passage = marker.mark(head, tail, *where) or marker.mark_apart(head, tail, *where)
            if passage is None:
                raise TextTooLong(
                    f"the entities {head.start} to {head.end} and {tail.start} to {tail.end} do not fit into the "
                    f"window of {reader.window} tokens; use a larger one"
                )
            pairs.append((head, tail))
            passages.append(passage)
        if len(pairs) > _MANY_PAIRS:
            warnings.warn(
                f"a text has {len(pairs):,} pairs of entities to read, {sum(map(len, passages)):,} tokens; the option "
                "max_distance leaves out those that are far apart",
                stacklevel=2,
            )
        return Plan(text, passages, Coverage(len(text), len(encoding), len(passages)), _Pairs(entities, pairs, named))

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
        """Return the probability of each label of a pair (C,)."""
        return softmax(output)

    def finish(self, plan: Plan, parts: list[np.ndarray], head: Head, options: RelationOptions) -> dict[str, Any]:
        """Return the entities, and the relations of the pairs that have one."""
        read: _Pairs = plan.reading
        relations = []
        for pair, probabilities in zip(read.pairs, parts, strict=True):
            best = _choose(probabilities, head.labels, options)
            label = head.labels[best]
            if read.named or options.keep_unrelated or label != options.unrelated:
                relations.append(Relation(*pair, label, float(probabilities[best])))
        return {"entities": read.entities, "relations": relations}

    def check_row(self, row: Row, options: RelationOptions) -> None:
        """Refuse entities of a type that can be related to no other."""
        if options.types is None or not row.keys().isdisjoint(_ENDS) or "entities" not in row:
            return
        known = {kind for pair in options.types for kind in pair}
        for entity in as_entities(row["entities"], row["text"]):
            if entity.label not in known:
                pairs = ", ".join(f"{head} to {tail}" for head, tail in options.types)
                raise NlpieError(
                    f"entity {entity.start} to {entity.end} is of the type {entity.label!r}, which this checkpoint "
                    f"relates to none; it relates {pairs}"
                )

    def check_options(self, options: RelationOptions, head: Head) -> None:
        """Refuse types that are not pairs."""
        for pair in options.types or ():
            if len(pair) != 2:
                raise NlpieError(
                    f"relation option types: expected pairs of a head's and a tail's type, got {list(pair)}"
                )

    def expand(self, row: Row) -> Iterable[Row]:
        """Return the row itself, or the pairs of a whole note; see :mod:`nlpie_models.data.pairs`."""
        return pair_rows(row) if "relations" in row and "head" not in row else (row,)

    def map_row(self, row: Row, labels: LabelMap) -> Row:
        """Rename the types of a row's pair, which must lie in the text."""
        for name in _ENDS:
            as_entity(row[name], row["text"], name)
        ends = {name: {**row[name], "type": labels.names.get(row[name]["type"], row[name]["type"])} for name in _ENDS}
        return {**row, **ends}

    def complete(
        self, rows: Sequence[Row], golds: Sequence[str], options: Mapping[str, Any]
    ) -> tuple[list[Row], list[str]]:
        """Return training rows with the other direction of pairs of one type, which is unrelated.

        A pair of one type is read in both directions, but data often state an unrelated one once, in the order of the
        text: a model would learn that the other direction is always related. Of a label that occurs in one order only,
        such as a symmetric one, the other direction is left out.
        """
        unrelated = options.get("unrelated")
        if unrelated is None:
            return list(rows), list(golds)
        directed = {gold for row, gold in zip(rows, golds, strict=True) if row["head"]["start"] > row["tail"]["start"]}
        known = {_place(row) for row in rows}
        swapped = [
            {**row, "head": row["tail"], "tail": row["head"]}
            for row, gold in zip(rows, golds, strict=True)
            if row["head"]["type"] == row["tail"]["type"] and (gold == unrelated or gold in directed)
        ]
        added = [row for row in swapped if _place(row) not in known]
        return [*rows, *added], [*golds, *[unrelated] * len(added)]

    def gold_labels(self, golds: Sequence[str]) -> set[str]:
        """Return the labels of relations; one that means none is not scored."""
        return {gold for gold in golds if gold.lower() not in _UNRELATED}

    def options_from(self, rows: Sequence[Row], golds: Sequence[str]) -> dict[str, Any]:
        """Return the pairs of types that the rows have, and the label that means no relation."""
        types = sorted({(row["head"]["type"], row["tail"]["type"]) for row in rows})
        unrelated = [label for label in sorted(set(golds)) if label.lower() in _UNRELATED]
        return {"types": [list(pair) for pair in types], "unrelated": unrelated[0] if len(unrelated) == 1 else None}

    def predicted_of(self, annotation: Annotation) -> str:
        """Return the label of the pair that the row names."""
        return annotation.relations[0].label

    def count(self, gold: str, predicted: str) -> Mapping[str, Count]:
        """Count the relation of the pair; a label that means none is left out, as in the scores of shared tasks."""
        related = ({label for label in (answer,) if label.lower() not in _UNRELATED} for answer in (gold, predicted))
        return count_labels(*related)

    def confidences(self, gold: str, annotation: Annotation) -> list[tuple[float, bool]]:
        """Return the score of the pair that the row names, and whether its label is correct."""
        [relation] = annotation.relations
        return [(relation.score, relation.label == gold)]

    def tuned_options(
        self, golds: Sequence[str], annotate: Callable[..., Sequence[Annotation]], options: RelationOptions
    ) -> dict[str, Any]:
        """Return the threshold with the best F1 of the relations, if it is asked for."""
        if options.threshold != "best" or options.unrelated is None:
            return {}
        relations = [annotation.relations[0] for annotation in annotate(threshold=0.0)]
        correct = [relation.label == gold for relation, gold in zip(relations, golds, strict=True)]
        related = sum(gold != options.unrelated for gold in golds)
        return {"threshold": best_threshold([relation.score for relation in relations], correct, related)}

    def tfidf_text(self, row: Row) -> str:
        """Return the text with the types in the place of the pair."""
        text = row["text"]
        for name in sorted(_ENDS, key=lambda name: row[name]["start"], reverse=True):
            end = row[name]
            text = f"{text[: end['start']]} {name}_{re.sub(r'[^A-Za-z]', '', end['type'])} {text[end['end'] :]}"
        return text


def _place(row: Row) -> tuple[str, int, int, int, int]:
    """Return what tells the pair of a row from others."""
    return row["text"], *(row[name][edge] for name in _ENDS for edge in ("start", "end"))


def _candidates(
    entities: list[Entity], pieces: dict[Entity, Pieces], encoding: Encoding, room: int, options: RelationOptions
) -> Iterator[tuple[Entity, Entity]]:
    """Return the pairs, in both directions, whose types can be related and that are near enough, by position."""
    allowed = None if options.types is None else {(head, tail) for head, tail in options.types}
    for index, first in enumerate(entities):
        start, stop = pieces[first]
        reach = stop + room
        if options.context == "sentence":
            reach = min(reach, sentence_of(encoding, start)[1])
        for second in entities[index + 1 :]:
            distance = second.start - first.end
            if pieces[second][0] >= reach or (options.max_distance is not None and distance > options.max_distance):
                break
            if (first.start, first.end) == (second.start, second.end):
                continue
            for pair in ((first, second), (second, first)):
                if allowed is None or (pair[0].label, pair[1].label) in allowed:
                    yield pair


def _choose(probabilities: np.ndarray, labels: Sequence[str], options: RelationOptions) -> int:
    """Return the index of a pair's label."""
    if options.threshold in (None, "best") or options.unrelated not in labels:
        return int(probabilities.argmax())
    unrelated = labels.index(options.unrelated)
    related = probabilities.copy()
    related[unrelated] = -1.0
    best_related = int(related.argmax())
    return best_related if related[best_related] >= options.threshold else unrelated


TASK = RelationTask()
