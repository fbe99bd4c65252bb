"""Labelled spans (start, end, label) of characters, and of words."""

from collections.abc import Collection, Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np

Span = tuple[int, int, str]
"""First and one past last character or word, and the label."""


def span_fields(value: Any) -> Mapping[str, Any]:
    """Return a span as a mapping: what is one already, or ``[start, end, label]``, as doccano and spaCy write spans.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(value, Mapping):
        return value
    values = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if len(values) not in (2, 3):
        raise TypeError("expected a span as a mapping with start, end and label, or as [start, end, label]")
    return dict(zip(("start", "end", "label"), values, strict=False))


def read_spans(entities: Any, text: str) -> list[tuple[Span, Mapping[str, Any]]]:
    """Return the entities of a labelled row as spans, each with all of its fields.

    A span is without the white space at its ends, with which no prediction could meet it.

    Raises:
        KeyError, TypeError, ValueError: They are no list of spans, or one lies outside the text or is blank.
    """
    if not isinstance(entities, Iterable) or isinstance(entities, str | Mapping):
        raise TypeError(f"expected entities as a list, got {type(entities).__name__}")
    spans: list[tuple[Span, Mapping[str, Any]]] = []
    for fields in map(span_fields, entities):
        start, end, label = fields["start"], fields["end"], fields["label"]
        if not (isinstance(start, Integral) and isinstance(end, Integral)):
            raise TypeError("expected start and end as whole numbers")
        if not isinstance(label, str):
            raise TypeError(f"expected labels as texts (str), got {type(label).__name__}")
        start, end = int(start), int(end)
        if not 0 <= start < end <= len(text):
            raise ValueError("an entity lies outside the text")
        start, end = without_blanks(text, start, end)
        if start == end:
            raise ValueError(f"the entity before character {end} is blank")
        spans.append(((start, end, label), fields))
    return spans


def without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span of a text without the white space at its ends; of a blank one, its end twice."""
    covered = text[start:end]
    return end - len(covered.lstrip()), max(start + len(covered.rstrip()), end - len(covered.lstrip()))


def resolve_overlaps(spans: Iterable[Span], prefer: Collection[str] = ()) -> tuple[Span, ...]:
    """Return spans in order, and of those that overlap only the longest, the first of equals.

    Args:
        spans: Spans in any order.
        prefer: Labels that win over all others, however long the spans.
    """
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span[2] not in prefer, span[0] - span[1], span[0])):
        if all(span[1] <= start or span[0] >= end for start, end, _ in kept):
            kept.append(span)
    return tuple(sorted(kept))


def spans_of_words(words: np.ndarray, spans: Iterable[Span]) -> list[Span]:
    """Return the spans of words that spans of characters touch; one that touches no word is left out.

    Args:
        words: Start and end of every word, in order (W, 2).
        spans: Spans of characters.
    """
    found = []
    for start, end, label in spans:
        first = int(np.searchsorted(words[:, 1], start, side="right"))
        stop = int(np.searchsorted(words[:, 0], end, side="left"))
        if stop > first:
            found.append((first, stop, label))
    return found
