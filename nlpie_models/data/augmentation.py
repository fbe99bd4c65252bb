"""Altered copies of labelled notes: what notes look like after other systems have handled them.

Letters lose their case, lines are joined, list signs change, full stops go missing, dates and names are masked by
de-identification. What is labelled keeps its words, and its span follows the text.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import regex

from .spans import Span

_MASKS = ("___", "[**]", "[**Name**]", "XXXX", "<DATE>", "[REDACTED]")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"


@dataclass(frozen=True)
class Change:
    """A change that a copy of a note may undergo.

    Attributes:
        pattern: What is replaced, wherever it is found outside labelled spans.
        replacements: What it is replaced by; a copy uses one of them throughout.
        share: Share of the copies that undergo it.
    """

    pattern: regex.Pattern[str]
    replacements: tuple[str, ...]
    share: float


CHANGES = (
    Change(regex.compile(r"\r?\n"), (" ", "\r\n"), 0.3),
    Change(regex.compile(r"(?m)^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+"), ("", "- ", "* ", "• ", "# "), 0.3),
    Change(regex.compile(r"(?m)[.;](?=[ \t]*$)"), ("",), 0.3),
    Change(regex.compile(rf"\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b|\b(?:{_MONTHS}) \d{{1,2}}(?:, \d{{4}})?"), _MASKS, 0.3),
    Change(regex.compile(r"(?<=\b(?:Mr|Mrs|Ms|Dr)\. )\p{Lu}\w+"), _MASKS, 0.3),
    Change(regex.compile(r"(?<=\.)[ ]+(?=\p{Lu})"), ("  ", "\n"), 0.3),
)
CASES: tuple[Callable[[str], str], ...] = (str.upper, str.lower)
_CASE_SHARE = 0.3


def augment(text: str, spans: Sequence[Span], rng: random.Random) -> tuple[str, tuple[Span, ...]]:
    """Return an altered copy of a note and of its labelled spans.

    Args:
        text: The note.
        spans: First and one past last character, and label, of what is labelled.
        rng: Draws which changes there are.

    Returns:
        The altered text, and the spans in it, in the order given. A span holds the characters that it held before, but
        for their case.
    """
    for change in CHANGES:
        if rng.random() < change.share:
            text, spans = _replace(text, spans, change.pattern, rng.choice(change.replacements))
    if rng.random() < _CASE_SHARE:
        text = "".join(_in_case(text, rng.choice(CASES)))
    return text, tuple(spans)


def _replace(
    text: str, spans: Sequence[Span], pattern: regex.Pattern[str], replacement: str
) -> tuple[str, tuple[Span, ...]]:
    taken = bytearray(len(text) + 1)
    for start, end, _ in spans:
        taken[start:end] = b"\1" * (end - start)
    found = [match.span() for match in pattern.finditer(text) if not any(taken[slice(*match.span())])]
    pieces, shifts, last, shift = [], [0] * (len(text) + 1), 0, 0
    for start, end in found:
        pieces += [text[last:start], replacement]
        shifts[last:end] = [shift] * (end - last)
        shift += len(replacement) - (end - start)
        last = end
    shifts[last:] = [shift] * (len(text) + 1 - last)
    moved = tuple((start + shifts[start], end + shifts[end - 1], label) for start, end, label in spans)
    return "".join([*pieces, text[last:]]), moved


def _in_case(text: str, case: Callable[[str], str]) -> Iterator[str]:
    """Yield each character in another case, or as it is where that would be several characters."""
    for character in text:
        changed = case(character)
        yield changed if len(changed) == 1 else character
