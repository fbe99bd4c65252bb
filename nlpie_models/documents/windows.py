"""Overlapping token windows, each token decided by the window in which it is most central."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Window:
    """Tokens ``start:stop`` of a document, of which ``decided_start:decided_stop`` are decided here.

    The decided ranges of a document's windows follow each other without gap or overlap.
    """

    start: int
    stop: int
    decided_start: int
    decided_stop: int

    @property
    def decided(self) -> slice:
        """The decided tokens, counted from the window's start."""
        return slice(self.decided_start - self.start, self.decided_stop - self.start)


def plan_windows(
    tokens: int,
    size: int,
    *,
    overlap: int,
    word_starts: np.ndarray,
    sentence_starts: np.ndarray,
) -> list[Window]:
    """Cut a document into windows that cover it.

    A window ends at a sentence start in its last half where there is one, else at a word start, else anywhere; the
    next one begins about ``overlap`` tokens earlier, by the same preference. In the overlap of two windows the
    tokens before the middle are more central in the first and the others in the second.

    Args:
        tokens: Length of the document.
        size: Most tokens in a window, special tokens not counted.
        overlap: Tokens that neighbours share, about; at most half of ``size``.
        word_starts: Ascending token indices at which a word begins.
        sentence_starts: Ascending token indices at which a sentence begins.

    Returns:
        At least one window; a single empty one for an empty document.

    Raises:
        ValueError: ``size`` or ``overlap`` out of range.
    """
    if size < 2 or not 0 <= overlap <= size // 2:
        raise ValueError(f"expected size >= 2 and 0 <= overlap <= size / 2, got size {size} and overlap {overlap}")
    bounds = []
    start = 0
    while tokens - start > size:
        stop = _last_in(sentence_starts, start + size // 2 + 1, start + size)
        if stop is None:
            stop = _last_in(word_starts, start + size // 2 + 1, start + size)
        if stop is None:
            stop = start + size
        bounds.append((start, stop))
        earliest = max(start + 1, stop - overlap)
        start = _first_in(sentence_starts, earliest, stop - overlap // 2)
        if start is None:
            start = _first_in(word_starts, earliest, stop - overlap // 2)
        if start is None:
            start = earliest
    bounds.append((start, tokens))
    middles = [(next_start + stop) // 2 for (_, stop), (next_start, _) in pairwise(bounds)]
    edges = [0, *middles, tokens]
    return [Window(start, stop, edges[i], edges[i + 1]) for i, (start, stop) in enumerate(bounds)]


def _last_in(ascending: np.ndarray, low: int, high: int) -> int | None:
    """Return the last value in [low, high], if any."""
    index = np.searchsorted(ascending, high, side="right") - 1
    return int(ascending[index]) if index >= 0 and ascending[index] >= low else None


def _first_in(ascending: np.ndarray, low: int, high: int) -> int | None:
    """Return the first value in [low, high], if any."""
    index = np.searchsorted(ascending, low, side="left")
    return int(ascending[index]) if index < len(ascending) and ascending[index] <= high else None
