"""Labelled spans of characters and of words."""

from collections.abc import Collection, Iterable

import numpy as np

Span = tuple[int, int, str]


def resolve_overlaps(spans: Iterable[Span], prefer: Collection[str] = ()) -> tuple[Span, ...]:
    """Keep the longest of spans that overlap (preferred labels first), the first of equals; return them in order."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span[2] not in prefer, span[0] - span[1], span[0])):
        if all(span[1] <= start or span[0] >= end for start, end, _ in kept):
            kept.append(span)
    return tuple(sorted(kept))


def spans_of_words(words: np.ndarray, spans: Iterable[Span]) -> list[tuple[int, int, str]]:
    """Turn character spans into spans of the words that they touch (first, one past last, label)."""
    found = []
    for start, end, label in spans:
        first = int(np.searchsorted(words[:, 1], start, side="right"))
        stop = int(np.searchsorted(words[:, 0], end, side="left"))
        if stop > first:
            found.append((first, stop, label))
    return found
