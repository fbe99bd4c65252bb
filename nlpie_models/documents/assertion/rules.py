"""The rules of assertion: ``rules.toml``, read strictly and compiled."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, product
from pathlib import Path
from typing import Any, Literal

import regex

from ...errors import RegistryError
from ...util.toml import read_toml

ASSERTIONS = ("family", "negated", "conditional", "uncertain", "historical")  # by precedence
RULES_FILE = Path(__file__).with_name("rules.toml")
Label = Literal["family", "negated", "conditional", "uncertain", "historical", "denied", "affirmed", "risk"]

_END = "\uffff"  # closes a phrase in the trie; sorts last, so that longer phrases are tried first
ANSWER_END = r"(?=[ \t]*(?:\Z|[\r\n.;,|)]|[a-z][\w /-]{0,30}:))"
_PIECES = {" ": r"\s++", "#": r"\d", "$": ANSWER_END}


@dataclass(frozen=True)
class Trigger:
    """Phrases that give a label to the entities in their scope; ``rules.toml`` explains the fields."""

    phrases: tuple[str, ...]
    label: Label
    direction: Literal["forward", "backward", "both"]
    words: int = 0
    commas: bool = True
    within: Label | None = None
    ends: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Termination:
    """Phrases that end the scopes of labels."""

    phrases: tuple[str, ...]
    ends: tuple[Label, ...]


@dataclass(frozen=True)
class PseudoTrigger:
    """Phrases that look like a trigger and are none."""

    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """Headings, and the label of the entities under them."""

    phrases: tuple[str, ...]
    label: Label | None = None


@dataclass(frozen=True)
class RuleFile:
    """A rule file, as it is written."""

    abbreviations: tuple[str, ...] = ()
    negative_findings: tuple[str, ...] = ()
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trigger: tuple[Trigger, ...] = ()
    termination: tuple[Termination, ...] = ()
    pseudo_trigger: tuple[PseudoTrigger, ...] = ()
    section: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What a phrase does, be it of a trigger, a termination or a pseudo-trigger."""

    label: str | None = None
    direction: str = ""
    words: int = 0
    commas: bool = True
    within: str | None = None
    ends: Sequence[str] = ()


@dataclass(frozen=True)
class Rules:
    """A rule file, compiled.

    Attributes:
        rules: All rules but the sections.
        number: Index of the rule of each phrase.
        pattern: Finds the phrases in lower-case text, the longest first.
        sections: Label of each known heading.
        joint: Matches where a sentence goes on although a line or an abbreviation ends.
        negative_findings: Entities in lower case that say by themselves that there is nothing.
    """

    rules: list[Rule]
    number: dict[str, int]
    pattern: re.Pattern[str]
    sections: dict[str, str | None]
    joint: regex.Pattern[str]
    negative_findings: frozenset[str]


@cache
def load_rules() -> Rules:
    """Return the rules of this package, read once."""
    return read_rules(RULES_FILE)


def read_rules(path: Path) -> Rules:
    """Read a rule file strictly.

    Raises:
        RegistryError: Not a TOML file, an unknown or missing key, a wrong value, or a phrase with two meanings; names
            the file.
    """
    file = read_toml(RuleFile, path)
    rows: list[Trigger | Termination | PseudoTrigger] = [*file.trigger, *file.termination, *file.pseudo_trigger]
    rules: list[Rule] = []
    number: dict[str, int] = {}
    sections: dict[str, str | None] = {}
    try:
        for row in rows:
            _add(number, _expand(row.phrases, file.sets), len(rules))
            rules.append(Rule(**{name: value for name, value in vars(row).items() if name != "phrases"}))
        for section in file.section:
            _add(sections, _expand(section.phrases, file.sets), section.label)
    except ValueError as error:
        raise RegistryError(f"{path.name}: {error}") from None
    pattern = re.compile(_trie([phrase + _END for phrase in number]))
    return Rules(rules, number, pattern, sections, _joint(file.abbreviations), frozenset(file.negative_findings))


def _expand(patterns: Iterable[str], sets: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the phrases that patterns such as "{is|was} not {@find}" stand for.

    Raises:
        ValueError: A pattern names a set that is not there.
    """
    phrases: list[str] = []
    for pattern in patterns:
        members = []
        for piece in re.split(r"[{}]", pattern):
            members.append([word for choice in piece.split("|") for word in _words(choice, sets)])
        phrases += [" ".join("".join(words).split()) for words in product(*members)]
    return phrases


def _words(choice: str, sets: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return what one choice in a pattern stands for: itself, or with @ the members of a set."""
    if not choice.startswith("@"):
        return [choice]
    if choice[1:] not in sets:
        raise ValueError(f"unknown set {choice!r}; known: {', '.join(sets)}")
    return sets[choice[1:]]


def _add(meanings: dict[str, Any], phrases: Iterable[str], meaning: int | str | None) -> None:
    """Add phrases with their meaning.

    Raises:
        ValueError: A phrase is not in lower case, or has another meaning already.
    """
    for phrase in phrases:
        if not phrase or phrase != phrase.lower() or re.search(r"\d", phrase):
            raise ValueError(f"{phrase!r}: expected a phrase in lower case, with # for digits")
        if meanings.setdefault(phrase, meaning) != meaning:
            raise ValueError(f"{phrase!r} is listed twice, with different meanings")


def _trie(phrases: Collection[str], before: str = "") -> str:
    """Return a pattern that finds the phrases, sharing their beginnings so that it fails early.

    Args:
        phrases: The ends of the phrases after ``before``, all closed by ``_END``.
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
    """Return a pattern that matches where a sentence goes on although a line or an abbreviation ends."""
    line_end = r"[ \t]*\r?\n[ \t]*"
    return regex.compile(
        rf"(?<=[a-z,]{line_end})(?=[a-z])"
        rf"|(?<=\b(?:a|an|and|any|by|for|in|no|of|or|the|to|with){line_end})(?=\w)"
        r"|(?<=\b(?i:no)\t+)(?=\w)"
        r"|(?<=(?<![\w.])(?:\w\.)+[ \t]+)(?=[a-z])"
        rf"|(?<=\b(?i:{'|'.join(map(regex.escape, abbreviations))})\.[ \t]+)"
    )
