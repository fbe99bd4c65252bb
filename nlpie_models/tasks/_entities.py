"""Entities that a caller gives with a text, and gold spans."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..data.spans import Span, span_fields
from ..documents import Entity, find_words
from ..documents.assertion.labels import PRESENT
from ..documents.assertion.rules import ASSERTIONS
from ..errors import NlpieError

_TYPES = ("label", "type", "entity_group")


def as_entity(value: Any, text: str, name: str) -> Entity:
    """Return an entity of what a caller passes: an Entity, a mapping, (start, end), or (start, end, label).

    A mapping states the type as ``label``, ``type`` or, as transformers' pipeline, ``entity_group``.

    Raises:
        NlpieError: It is none of them, lies outside the text, or is blank.
    """
    try:
        if not isinstance(value, Entity):
            fields = span_fields(value)
            label = str(next(filter(None, map(fields.get, _TYPES)), name))
            start, end = int(fields["start"]), int(fields["end"])
            score, assertion = float(fields.get("score", 1.0)), fields.get("assertion")
            assertion = None if assertion == PRESENT else assertion
            if assertion not in (None, *ASSERTIONS):
                raise NlpieError(f"{name} {start} to {end}: expected an assertion of {', '.join(ASSERTIONS)}, or none")
            value = Entity(start, end, label, text[start:end], score, assertion)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise NlpieError(
            f"{name}: expected (start, end, label), an Entity, or a mapping with start, end and label, "
            f"got {type(value).__name__}"
        ) from None
    if not 0 <= value.start < value.end <= len(text):
        raise NlpieError(f"{name} {value.start} to {value.end} is empty or outside the text of {len(text)} characters")
    if not text[value.start : value.end].strip():
        raise NlpieError(f"{name} {value.start} to {value.end} is blank")
    return replace(value, text=text[value.start : value.end])


def as_entities(values: Any, text: str) -> list[Entity]:
    """Return the entities of a list that a caller passes, without repetitions; see :func:`as_entity`.

    Raises:
        NlpieError: It is no list, or one of them is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise NlpieError(f"entities: expected a list, got {type(values).__name__}")
    return list({as_entity(value, text, "entity"): None for value in values})


def warn_of_edges(rows: Sequence[Mapping[str, Any]], golds: Sequence[Sequence[Span]]) -> None:
    """Warn of gold spans that had white space at their ends, and of those with an end inside a word.

    Args:
        rows: Labelled rows with ``text`` and ``entities``.
        golds: The spans of each.
    """
    stated = [(row["text"], span_fields(entity)) for row in rows for entity in row["entities"]]
    blank = sum(text[span["start"]].isspace() or text[span["end"] - 1].isspace() for text, span in stated)
    if blank:
        warnings.warn(
            f"{blank:,} of {len(stated):,} gold spans had blanks at an end, which were left out", stacklevel=3
        )
    inside = sum(_count_inside(row["text"], spans) for row, spans in zip(rows, golds, strict=True))
    if inside:
        warnings.warn(
            f"{inside:,} of {sum(map(len, golds)):,} gold spans begin or end inside a word, and cannot be found",
            stacklevel=3,
        )


def _count_inside(text: str, spans: Sequence[Span]) -> int:
    if not spans:
        return 0
    starts, ends = map(set, find_words(text).T.tolist())
    return sum(start not in starts or end not in ends for start, end, _ in spans)
