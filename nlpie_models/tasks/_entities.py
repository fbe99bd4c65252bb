"""Entities that a caller gives with a text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..documents import Entity
from ..documents.assertion.labels import PRESENT
from ..documents.assertion.rules import ASSERTIONS
from ..errors import NlpieError


def as_entity(value: Any, text: str, name: str) -> Entity:
    """Return an entity of what a caller passes: an Entity, a mapping, or (start, end).

    Raises:
        NlpieError: It is none of them, lies outside the text, or is blank.
    """
    try:
        if not isinstance(value, Entity):
            fields = value if isinstance(value, Mapping) else dict(zip(("start", "end"), value, strict=True))
            label = str(fields.get("label") or fields.get("type") or name)
            start, end = int(fields["start"]), int(fields["end"])
            score, assertion = float(fields.get("score", 1.0)), fields.get("assertion")
            assertion = None if assertion == PRESENT else assertion
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


def as_entities(values: Any, text: str) -> list[Entity]:
    """Return the entities of a list that a caller passes, without repetitions; see :func:`as_entity`.

    Raises:
        NlpieError: It is no list, or one of them is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise NlpieError(f"entities: expected a list, got {type(values).__name__}")
    return list({as_entity(value, text, "entity"): None for value in values})
