"""Labelled spans (start, end, label) of characters, and of words."""

from collections.abc import Collection, Iterable

import numpy as np

Span = tuple[int, int, str]
"""First and one past last character or word, and the label."""


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
