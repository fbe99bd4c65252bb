"""Places in a text that are counted in lines (from 1) and tokens (from 0), as the i2b2 2010 release counts them.

Tokens are what stands between white space; a line that begins with white space has an empty token 0.
"""

import re
from bisect import bisect_right

_TOKEN = re.compile(r"\S+", re.ASCII)


class Lines:
    """The lines of a text."""

    def __init__(self, text: str) -> None:
        breaks = [match.start() for match in re.finditer("\n", text)]
        self.text = text
        self._starts = [0, *(place + 1 for place in breaks)]
        self.spans = list(zip(self._starts, [*breaks, len(text)], strict=True))

    @property
    def sentences(self) -> int:
        """Lines that are not blank: the release has a sentence on each."""
        return sum(1 for start, end in self.spans if self.text[start:end].strip())

    def find_span(self, first: tuple[int, int], last: tuple[int, int]) -> tuple[int, int] | None:
        """Return the characters from one (line, token) to another, both included; None if there is no such place."""
        start, end = self._token(*first), self._token(*last)
        return (start[0], end[1]) if start and end and start[0] < end[1] else None

    def line_of(self, offset: int) -> int:
        """Return the index of the line that holds a character."""
        return bisect_right(self._starts, offset) - 1

    def _token(self, line: int, token: int) -> tuple[int, int] | None:
        if not 1 <= line <= len(self.spans):
            return None
        start, end = self.spans[line - 1]
        tokens = [match.span() for match in _TOKEN.finditer(self.text, start, end)]
        if tokens and tokens[0][0] > start:
            tokens.insert(0, (start, start))
        return tokens[token] if token < len(tokens) else None
