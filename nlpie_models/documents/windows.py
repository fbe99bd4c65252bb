"""Overlapping token windows, each token decided by the window in which it is most central."""

from collections.abc import Callable
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
    start: int = 0,
    overlap: int,
    word_starts: np.ndarray,
    sentence_starts: np.ndarray,
) -> list[Window]:
    """Cut a document, or the part of it that begins at ``start``, into windows that cover it.

    A window ends at a sentence start in its last half where there is one, else at a word start, else anywhere; the
    next one begins about ``overlap`` tokens earlier, by the same preference. In the overlap of two windows the
    tokens before the middle are more central in the first and the others in the second.

    Args:
        tokens: Length of the document, or where the part ends.
        size: Most tokens in a window, special tokens not counted.
        start: Where the part begins.
        overlap: Tokens that neighbours share, approximately; at most half of ``size``.
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
    while tokens - start > size:
        stop = _choose(last_in, start + size // 2 + 1, start + size, sentence_starts, word_starts)
        stop = start + size if stop is None else stop
        bounds.append((start, stop))
        earliest = max(start + 1, stop - overlap)
        chosen = _choose(_first_in, earliest, stop - overlap // 2, sentence_starts, word_starts)
        start = earliest if chosen is None else chosen
    bounds.append((start, tokens))
    middles = [(next_start + stop) // 2 for (_, stop), (next_start, _) in pairwise(bounds)]
    edges = [bounds[0][0], *middles, tokens]
    return [Window(start, stop, edges[i], edges[i + 1]) for i, (start, stop) in enumerate(bounds)]


def _choose(
    pick: Callable[[np.ndarray, int, int], int | None], low: int, high: int, *preferred: np.ndarray
) -> int | None:
    """Return the value that ``pick`` returns for the first of the arrays that has one in [low, high]."""
    picked = (pick(ascending, low, high) for ascending in preferred)
    return next((value for value in picked if value is not None), None)


def last_in(ascending: np.ndarray, low: int, high: int) -> int | None:
    """Return the last value in [low, high], if any."""
    index = np.searchsorted(ascending, high, side="right") - 1
    return int(ascending[index]) if index >= 0 and ascending[index] >= low else None


def _first_in(ascending: np.ndarray, low: int, high: int) -> int | None:
    """Return the first value in [low, high], if any."""
    index = np.searchsorted(ascending, low, side="left")
    return int(ascending[index]) if index < len(ascending) and ascending[index] <= high else None
