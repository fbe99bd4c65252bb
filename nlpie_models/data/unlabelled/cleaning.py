"""Cleaning of clinical text before a model is trained on it: a pure function for every step, and options to choose.

The defaults do what was done for the published models. Their notes went through the scripts of Alsentzer et al. (2019,
https://aclanthology.org/W19-1909; EmilyAlsentzer/clinicalBERT, ``lm_pretraining``, to which the scripts of
nlpie-research/Lightweight-Clinical-Transformers point): masks of de-identification stay as they are, runs of dashes or
underscores become rulers of five, sections begin with their headers, line breaks within a sentence become blanks, and
case is kept. Two steps of the scripts are left out: the sentence splitter, as blocks are cut from whole documents, and
a slip that loses the first entry of some lists. A tokenizer lower-cases if its model does; cleaning never does.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from ...documents.markup import encodable
from ...errors import UnknownName

_MASK = re.compile(r"\[\*\*([^\[\]]{0,200}?)\*\*\]")
_BLANK_MASK = re.compile(r"(?<!_)___(?!_)")
# Spelt out, as re finds the first of several literals ten times faster than a repeated character.
_RULER = re.compile(r"---+|____+|===+|\*\*\*+")
_BLANK_LINES = re.compile(r"\n\n\n+")
_HEADER = re.compile(r"^[^\S\n]*([A-Z][^\n:]{0,59}):(?=\s|$)", re.MULTILINE)
_ITEM = re.compile(r"(?:[-*•#+>]|\d{1,3}[.)]|[A-Za-z][.)])\s")
_SMALL_WORDS = {"a", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")

# The kinds of masks in MIMIC-III, and what such masks say inside; the first that matches counts.
_CATEGORIES = tuple(
    (word, re.compile(pattern, re.IGNORECASE))
    for word, pattern in (
        ("date", r"^[\d/\s-]+$|\b(month|year|day|date|holiday)\b"),
        ("hospital", r"\b(hospital\d*|ward|wardname|clinic|unit)\b"),
        ("contact", r"\b(telephone|phone|fax|pager|e-mail|url|contact)\b"),
        ("name", r"name|\b(initials?|attending|dictator|doctor)\b"),
        ("place", r"\b(location|address|country|state|apartment|po box|city|zip)\b"),
        ("age", r"\bage\b"),
        ("number", r"\b(number|numeric|identifier|serial|job|clip|record|id)\b"),
        ("organisation", r"\b(company|university|college)\b"),
    )
)


def repair_characters(text: str) -> str:
    """Make every line end LF, drop control characters, and replace halves of surrogate pairs by U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return encodable(_CONTROL.sub("", text))


def name_masks(text: str) -> str:
    """Replace a mask such as ``[**Known lastname 123**]`` by its kind, ``name``; ``___`` of MIMIC-IV has no kind."""
    return _MASK.sub(lambda match: _kind_of(match[1]), text)


def _kind_of(content: str) -> str:
    return next((word for word, pattern in _CATEGORIES if pattern.search(content)), "something")


def remove_masks(text: str) -> str:
    """Remove masks of de-identification: ``[**...**]`` of MIMIC-III and ``___`` of MIMIC-IV."""
    return _BLANK_MASK.sub("", _MASK.sub("", text))


def shorten_rulers(text: str) -> str:
    """Cut rulers (three or more dashes, equals signs or asterisks, four or more underscores) to five characters."""
    return _RULER.sub(lambda match: match[0][:1] * 5, _hide_masks(text)).replace("\0", "**")


def drop_rulers(text: str) -> str:
    """Replace every ruler by a blank line."""
    return _RULER.sub("\n\n", _hide_masks(text)).replace("\0", "**")


def _hide_masks(text: str) -> str:
    """Replace the asterisks of masks by a placeholder, as they are no rulers even where two masks meet."""
    return text.replace("\0", "").replace("[**", "[\0").replace("**]", "\0]")


def drop_headers(text: str) -> str:
    """Drop the headers of sections: capitalised words, up to 60 characters, from the start of a line to a colon."""
    return _HEADER.sub(lambda match: "" if _is_title(match[1]) else match[0], text)


def _is_title(words: str) -> bool:
    return all(word in _SMALL_WORDS or not word[0].islower() for word in words.split())


def join_lines(text: str) -> str:
    """Join the lines of a paragraph by blanks; list entries and headers begin new lines."""
    paragraphs: list[list[str]] = [[]]
    for line in map(str.strip, text.split("\n")):
        if not line or _begins_line(line) or paragraphs[-1] in ([], [""]):
            paragraphs.append([line])
        else:
            paragraphs[-1].append(line)
    return "\n".join(" ".join(lines) for lines in paragraphs[1:])


def _begins_line(line: str) -> bool:
    header = _HEADER.match(line)
    return bool(_ITEM.match(line) or (header and _is_title(header[1])))


def collapse_blanks(text: str) -> str:
    """Leave one of several blanks, at most one blank line between lines, and no white space at the ends."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _keep(text: str) -> str:
    return text


_STEPS: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "masks": {"keep": _keep, "name": name_masks, "remove": remove_masks},
    "rulers": {"keep": _keep, "shorten": shorten_rulers, "drop": drop_rulers},
    "headers": {"keep": _keep, "drop": drop_headers},
    "lines": {"keep": _keep, "join": join_lines},
    "blanks": {"keep": _keep, "collapse": collapse_blanks},
}


@dataclass(frozen=True)
class Cleaning:
    """The cleaning of a text: a choice for every step, done in this order after ``repair_characters``.

    Attributes:
        masks: What becomes of masks of de-identification: keep, name (replace by their kind) or remove.
        rulers: What becomes of runs of dashes and the like: keep, shorten or drop.
        headers: What becomes of the headers of sections: keep or drop.
        lines: What becomes of line breaks within paragraphs: keep or join.
        blanks: What becomes of repeated white space: keep or collapse.

    Raises:
        UnknownName: A step has no such choice.
    """

    masks: str = "keep"
    rulers: str = "shorten"
    headers: str = "keep"
    lines: str = "join"
    blanks: str = "collapse"

    def __post_init__(self) -> None:
        for step in fields(self):
            if (chosen := getattr(self, step.name)) not in _STEPS[step.name]:
                raise UnknownName(f"choice for {step.name}", chosen, _STEPS[step.name])

    def __call__(self, text: str) -> str:
        text = repair_characters(text)
        for step, choices in _STEPS.items():
            text = choices[getattr(self, step)](text)
        return text
