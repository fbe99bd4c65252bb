"""Long texts in pieces that can be worked on one after another."""

import re
from collections.abc import Iterator

_SPACE = re.compile(r"\s")


def cut_text(text: str, size: int) -> Iterator[str]:
    """Cut a text into pieces of about ``size`` characters, each but the first from white space on.

    A run of other characters is not cut unless it is longer than ``size`` itself.
    """
    start = 0
    while len(text) - start > size:
        space = _SPACE.search(text, start + size, start + 2 * size)
        stop = space.start() if space else min(start + 2 * size, len(text))
        yield text[start:stop]
        start = stop
    if start < len(text) or not text:
        yield text[start:]
