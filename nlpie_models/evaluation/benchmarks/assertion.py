"""Scores and speed of the assertion rules, on mentions whose assertion is annotated."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ...documents import Entity
from ...documents.assertion.assertion import assert_entities
from ...metrics.counts import Outcomes, count_labels
from ..results import provenance
from . import Benchmark

_MEGABYTE = 1_000_000
_REPETITIONS = 3
_SPACING = 70


def measure(mentions: Sequence[dict[str, Any]], command: Sequence[object]) -> Benchmark:
    """Score the rules, over all mentions and over those that were drawn at random, and time them on 1 MB of text.

    Args:
        mentions: Rows with ``text``, ``start``, ``end``, ``label``, ``assertion`` (the gold one) and ``sample``, which
            is ``natural`` for a mention that was drawn at random.
        command: Words of the command that measures this again.
    """
    everything = _outcomes(mentions)
    natural = _outcomes([row for row in mentions if row["sample"] == "natural"])
    return Benchmark(
        settings={"mentions": len(mentions), "natural_mentions": len(natural.counts)},
        results={
            "all mentions": everything.scores(),
            **{f"all mentions, {label}": asdict(score) for label, score in everything.label_scores().items()},
            "natural mentions": natural.scores(),
            **{f"natural mentions, {label}": asdict(score) for label, score in natural.label_scores().items()},
            "1 MB of text": {"seconds": round(_seconds_per_megabyte(mentions), 3)},
        },
        provenance=provenance(*command),
    )


def _outcomes(mentions: Sequence[dict[str, Any]]) -> Outcomes:
    counted = []
    for row in mentions:
        start, end = row["start"], row["end"]
        [entity] = assert_entities(row["text"], [Entity(start, end, row["label"], row["text"][start:end])])
        counted.append(count_labels(row["assertion"], entity.assertion or "affirmed"))
    return Outcomes.of(counted)


def _seconds_per_megabyte(mentions: Sequence[dict[str, Any]]) -> float:
    """Return the best time of several over 1 MB of the mentions' texts, with an entity about every 70 characters."""
    pieces: list[str] = []
    entities: list[Entity] = []
    length = 0
    while length < _MEGABYTE:
        row = mentions[len(pieces) % len(mentions)]
        for start in range(row["start"] % _SPACING, len(row["text"]) - 5, _SPACING):
            entities.append(Entity(length + start, length + start + 5, "problem", row["text"][start : start + 5]))
        pieces.append(row["text"] + "\n\n")
        length += len(pieces[-1])
    text = "".join(pieces)
    seconds = []
    for _ in range(_REPETITIONS):
        began = time.perf_counter()
        assert_entities(text, entities)
        seconds.append(time.perf_counter() - began)
    return min(seconds) * _MEGABYTE / length
