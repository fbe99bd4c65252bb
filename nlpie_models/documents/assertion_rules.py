"""The rules of assertion: ``assertion.toml``, read strictly and compiled."""

import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, product
from pathlib import Path
from typing import Any

import regex

from ..errors import DataError

ASSERTIONS = ("family", "negated", "conditional", "uncertain", "historical")  # by precedence
RULES_FILE = Path(__file__).with_name("assertion.toml")

_REQUIRED = {
    "trigger": {"phrases", "label", "direction"},
    "termination": {"phrases", "ends"},
    "pseudo_trigger": {"phrases"},
    "section": {"phrases"},
}
_OPTIONAL = {"trigger": {"words", "commas", "within", "ends"}, "section": {"label"}}
_TYPES = {"phrases": list, "label": str, "direction": str, "words": int, "commas": bool, "within": str, "ends": list}
_LABELS = {*ASSERTIONS, "risk"}
_VALUES = {"label": _LABELS, "within": _LABELS, "ends": _LABELS, "direction": {"forward", "backward", "both"}}

_END = "\uffff"  # closes a phrase in the trie; sorts last, so that longer phrases are tried first
_PIECES = {" ": r"\s++", "#": r"\d"}


@dataclass(frozen=True)
class Rule:
    """What the phrases of a trigger, termination or pseudo-trigger do; ``assertion.toml`` explains the fields."""

    label: str | None = None
    direction: str = ""
    words: int = 0
    commas: bool = True
    within: str | None = None
    ends: Sequence[str] = ()


@dataclass(frozen=True)
class Rules:
    """The rule file, compiled.

    Attributes:
        rules: All rules but the sections.
        number: Index of the rule of each phrase.
        pattern: Finds the phrases in lower-case text, the longest first.
        sections: Label of each known heading.
        joint: Matches where a sentence goes on although a line or an abbreviation ends.
    """

    rules: list[Rule]
    number: dict[str, int]
    pattern: re.Pattern[str]
    sections: dict[str, str | None]
    joint: regex.Pattern[str]


@cache
def load_rules() -> Rules:
    """Return the rules of this package, read once."""
    return read_rules(RULES_FILE)


def read_rules(path: Path) -> Rules:
    """Read a rule file strictly.

    Raises:
        DataError: Not a TOML file, an unknown or missing key, a wrong value, or a phrase listed with two meanings;
            names file and key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: not a rule file: {error}") from error
    abbreviations, sets = table.pop("abbreviations", []), table.pop("sets", {})
    rules: list[Rule] = []
    number: dict[str, int] = {}
    sections: dict[str, str | None] = {}
    for kind, row in ((kind, row) for kind, rows in table.items() for row in rows):
        try:
            _check_row(row, kind)
            phrases = [phrase for pattern in row.pop("phrases") for phrase in _expand(pattern, sets)]
            if kind == "section":
                _add(sections, phrases, row.get("label"))
            else:
                _add(number, phrases, len(rules))
                rules.append(Rule(**row))
        except DataError as error:
            raise DataError(f"{path.name}: {kind}: {error}") from error
    return Rules(
        rules, number, re.compile(_trie([phrase + _END for phrase in number])), sections, _joint(abbreviations)
    )


def _check_row(row: dict[str, Any], kind: str) -> None:
    if kind not in _REQUIRED:
        raise DataError(f"unknown kind of rule; known: {', '.join(_REQUIRED)}")
    known = _REQUIRED[kind] | _OPTIONAL.get(kind, set())
    for problem, keys in (("unknown", row.keys() - known), ("missing", _REQUIRED[kind] - row.keys())):
        if keys:
            raise DataError(f"{problem} key {min(keys)!r}; known: {', '.join(sorted(known))}")
    for key, value in row.items():
        values, given = _VALUES.get(key), value if isinstance(value, list) else [value]
        if type(value) is not _TYPES[key] or (values and not values.issuperset(given)):
            expected = f"{_TYPES[key].__name__} of {', '.join(sorted(values))}" if values else _TYPES[key].__name__
            raise DataError(f"{key}: expected {expected}, got {value!r}")


def _expand(pattern: str, sets: dict[str, list[str]]) -> list[str]:
    """Return the phrases that a pattern such as "{is|was} not {@find}" stands for."""
    pieces = [piece.split("|") for piece in re.split(r"[{}]", pattern)]
    for choice in (choice for piece in pieces for choice in piece):
        if choice.startswith("@") and choice[1:] not in sets:
            raise DataError(f"{pattern!r}: unknown set {choice!r}; known: {', '.join(sets)}")
    members = [
        [m for choice in piece for m in (sets[choice[1:]] if choice[:1] == "@" else [choice])] for piece in pieces
    ]
    return [" ".join("".join(choice).split()) for choice in product(*members)]


def _add(meanings: dict[str, Any], phrases: Iterable[str], meaning: int | str | None) -> None:
    for phrase in phrases:
        if not phrase or phrase != phrase.lower() or re.search(r"\d", phrase):
            raise DataError(f"{phrase!r}: expected a phrase in lower case, with # for digits")
        if meanings.setdefault(phrase, meaning) != meaning:
            raise DataError(f"{phrase!r} is listed twice, with different meanings")


def _trie(phrases: Collection[str], before: str = "") -> str:
    """Return a pattern that finds the phrases, sharing their beginnings so that it fails early.

    Args:
        phrases: What may follow ``before``, each closed by ``_END``.
        before: What all the phrases begin with.
    """
    branches = []
    for head, group in groupby(sorted(phrases), key=lambda phrase: phrase[0]):
        if head == _END:
            branches.append(r"(?!-?\w)" if before[-1].isalnum() else "")
        else:
            word_start = r"(?<!\w\w)" if not before and head.isalnum() else ""
            tails = _trie([phrase[1:] for phrase in group], before + head)
            branches.append(_PIECES.get(head, re.escape(head)) + word_start + tails)
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _joint(abbreviations: Iterable[str]) -> regex.Pattern[str]:
    line_end = r"[ \t]*\r?\n[ \t]*"
    return regex.compile(
        rf"(?<=[a-z,]{line_end})(?=[a-z])"
        rf"|(?<=\b(?:a|an|and|any|by|for|in|no|of|or|the|to|with){line_end})(?=\w)"
        r"|(?<=(?<![\w.])(?:\w\.)+[ \t]+)(?=[a-z])"
        rf"|(?<=\b(?i:{'|'.join(map(regex.escape, abbreviations))})\.[ \t]+)"
    )
