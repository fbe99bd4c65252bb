"""Altered copies of labelled notes: what notes look like after other systems have handled them.

Letters lose their case, lines are joined, list signs change, full stops go missing, dates, years, ages and names are
masked by de-identification. What is labelled keeps its words, and its span follows the text.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import regex

from .spans import Span

_MASKS = ("___", "[** **]", "XXXX", "[REDACTED]")
_MONTH = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
_DATE = rf"\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b|\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b(?:{_MONTH})\.? \d{{1,2}}\b(?:, \d{{4}}\b)?"
_YEAR = r"(?<=\b(?:in|of|since|from|until) )(?:19|20)\d{2}\b"
_AGE = r"\b\d{1,3}(?=[- ]?(?:years?[- ]old|y/?o)\b)"
_TITLE = r"\b(?:Mr|Mrs|Ms|Dr)\.?"
_CHECKBOX = r"\[[ xX]?\]|[☐☑☒]"


@dataclass(frozen=True)
class Alteration:
    """What may be altered in a copy of a note.

    Attributes:
        pattern: What is replaced, wherever it is found outside labelled spans.
        replacements: What it is replaced by; a copy uses one of them throughout.
        share: Share of the copies that undergo it.
    """

    pattern: regex.Pattern[str]
    replacements: tuple[str, ...]
    share: float


ALTERATIONS = (
    Alteration(
        regex.compile(rf"(?m)^[ \t]*(?:[-*•]|\d{{1,2}}[.)])[ \t]++(?!{_CHECKBOX})"),
        ("", "- ", "* ", "• ", "# ", "1. "),
        0.3,
    ),
    Alteration(regex.compile(r"(?m)[.;](?=[ \t]*\r?$)"), ("",), 0.3),
    Alteration(regex.compile(_DATE), (*_MASKS, "<DATE>", "[**Date**]"), 0.3),
    Alteration(regex.compile(rf"{_YEAR}|{_AGE}"), _MASKS, 0.3),
    Alteration(regex.compile(rf"(?<={_TITLE} )\p{{Lu}}\w+"), (*_MASKS, "[**Name**]"), 0.3),
    Alteration(regex.compile(rf"(?<=\.)(?<!{_TITLE})[ ]+(?=\p{{Lu}})"), ("  ", "\n"), 0.3),
    Alteration(regex.compile(r"\r?\n"), (" ", "\r\n"), 0.3),
)
CASES: tuple[Callable[[str], str], ...] = (str.upper, str.lower)
_CASE_SHARE = 0.3


def augment(text: str, spans: Sequence[Span], rng: random.Random) -> tuple[str, tuple[Span, ...]]:
    """Return an altered copy of a note and of its labelled spans.

    Args:
        text: The note.
        spans: First and one past last character, and label, of what is labelled.
        rng: Draws what is altered.

    Returns:
        The altered text, and the spans in it, in the order given. A span holds the characters that it held before, but
        for their case. Where nothing that was drawn applies to the note, both are as they were.
    """
    for alteration in ALTERATIONS:
        if rng.random() < alteration.share:
            text, spans = _replace(text, spans, alteration.pattern, rng.choice(alteration.replacements))
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
    """Yield each character in another case, or as it is where that would be several characters or another letter."""
    for character in text:
        changed = case(character)
        same_letter = len(changed) == 1 and changed.casefold() == character.casefold()
        yield changed if same_letter else character
