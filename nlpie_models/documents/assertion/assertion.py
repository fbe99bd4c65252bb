"""Assertion: whether an entity is negated, uncertain, historical, about the family, conditional, or none of these.

The method and its terms (trigger, scope, pseudo-trigger, termination) are those of NegEx (Chapman et al. 2001,
https://doi.org/10.1006/jbin.2001.1029) and ConText (Harkema et al. 2009, https://doi.org/10.1016/j.jbi.2009.05.002);
``rules.toml`` holds the rules.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter

import numpy as np

from ..fields import Entity
from ..words import BULLETS, find_sentence_starts
from .rules import ANSWER_END, ASSERTIONS, Rule, Rules, load_rules

_ANSWER_END = re.compile(ANSWER_END)
_FAR = np.iinfo(np.int64).max
_HEADING = re.compile(r"(?m)(?:(^)|(?<=[.,;:!?)]))[ \t,]{0,4}+([A-Z][\w /&'()-]{0,60}?)[ \t]{0,3}(:|\r?$)")
_SIGN = rf"[ \t]*(?:[-*{BULLETS}]|\d{{1,2}}[.)])"
_LIST = re.compile(rf":[ \t]*\r?\n(?:{_SIGN}[^\n]*(?:\n|\Z))+")
_ITEM = re.compile(rf"\n{_SIGN}[ \t]*")
_PARAGRAPH_END = re.compile(r"\S[^\n]*+\n[ \t\r]*+\n")
_DASH = re.compile(r"(?<=\S[ \t])[-–](?=[ \t])")


@dataclass(frozen=True)
class _Axis:
    """Positions in a text along one reading direction, ascending; those of the backward direction are negative.

    Attributes:
        rules: Rule of each match.
        near: Where each match begins.
        far: Where each match ends, and its scope begins.
        sentences: Where a sentence ends.
        commas: Commas.
        words: Where a word begins.
    """

    rules: np.ndarray
    near: np.ndarray
    far: np.ndarray
    sentences: np.ndarray
    commas: np.ndarray
    words: np.ndarray


def assert_entities(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """Mark each entity that the text negates, doubts, or ascribes to the past, the family or a condition.

    Args:
        text: The text that the entities lie in.
        entities: Its entities, in any order; they may overlap.

    Returns:
        The entities in the same order, with ``assertion`` set to the first of ``ASSERTIONS`` that applies, or to None
        where none does.
    """
    return [entity for entity, _ in assert_with_answers(text, entities)]


def assert_with_answers(text: str, entities: Sequence[Entity]) -> list[tuple[Entity, bool]]:
    """As :func:`assert_entities`, and whether the text answers for each entity in so many words or signs.

    Such an answer, as that of a form ("Fever: No", "(+) cough", a ticked box), leaves no doubt, whatever else stands
    there.
    """
    if not entities:
        return []
    rules = load_rules()
    starts, ends = np.array([(entity.start, entity.end) for entity in entities], dtype=np.int64).T
    headings = _find_headings(text, rules.sections)
    forward, backward = _find_marks(text, rules, [start for start, _, _ in headings])
    sections = _sections_of(starts, headings)
    after = _skip_leading_match(starts, ends, forward)
    assertions = np.full(len(starts), None, dtype=object)
    for label in reversed(ASSERTIONS):
        holds = sections == label
        holds |= _in_scope(after, label, "forward", forward, rules.rules)
        holds |= _in_scope(-ends, label, "backward", backward, rules.rules)
        assertions[holds] = label
    denied, affirmed = (
        _in_scope(after, label, "forward", forward, rules.rules)
        | _in_scope(-ends, label, "backward", backward, rules.rules)
        for label in ("denied", "affirmed")
    )
    denied |= [entity.text.lower() in rules.negative_findings for entity in entities]
    assertions[affirmed] = None
    assertions[denied] = "negated"
    return [
        (entity if entity.assertion == assertion else replace(entity, assertion=assertion), bool(answered))
        for entity, assertion, answered in zip(entities, assertions.tolist(), denied | affirmed, strict=True)
    ]


def _in_scope(positions: np.ndarray, label: str, direction: str, axis: _Axis, rules: list[Rule]) -> np.ndarray:
    """Return for each position whether it lies in the scope of a trigger of a label and direction."""
    chosen = np.array([rule.label == label and rule.direction in (direction, "both") for rule in rules])[axis.rules]
    if not chosen.any():
        return np.zeros(len(positions), dtype=bool)
    opens, triggers = axis.far[chosen], axis.rules[chosen]
    terminations = axis.near[np.array([label in rule.ends for rule in rules])[axis.rules]]
    closes = _next(np.sort(np.concatenate([axis.sentences, terminations])), opens)
    most_words = np.array([rule.words for rule in rules])[triggers]
    closes = np.where(most_words, np.minimum(closes, _next(axis.words, opens, most_words)), closes)
    one_item = np.array([not rule.commas for rule in rules])[triggers]
    closes = np.where(one_item, np.minimum(closes, _next(axis.commas, opens)), closes)
    reach = np.maximum.accumulate(closes)
    last = np.searchsorted(opens, positions, side="right") - 1
    return (last >= 0) & (reach[last] > positions)


def _next(marks: np.ndarray, positions: np.ndarray, steps: np.ndarray | int = 0) -> np.ndarray:
    """Return the first mark at or after each position, or the one ``steps`` marks after it."""
    index = np.searchsorted(marks, positions) + steps
    return np.append(marks, _FAR)[np.minimum(index, len(marks))]


def _skip_leading_match(starts: np.ndarray, ends: np.ndarray, axis: _Axis) -> np.ndarray:
    """Return the starts, moved behind the trigger in an entity such as "no fever"."""
    last = np.searchsorted(axis.near, starts, side="right") - 1
    behind = np.append(axis.far, -1)[last]
    return np.where((last >= 0) & (behind > starts) & (behind < ends), behind, starts)


def _find_marks(text: str, rules: Rules, heading_starts: list[int]) -> tuple[_Axis, _Axis]:
    """Return the marks of a text in forward and in backward direction."""
    phrases = _find_phrases(_lower(text), rules)
    repeated = _repeat_in_lists(text, rules, phrases)
    matches = np.concatenate([phrases, repeated])
    number, near, far = matches[np.argsort(matches[:, 1], kind="stable")].T
    sentences = np.array([start for start in find_sentence_starts(text).tolist() if not rules.joint.match(text, start)])
    dashes = [match.end() for match in _DASH.finditer(text)]
    sentences = np.union1d(sentences, [*heading_starts, *dashes]).astype(np.int64)
    sentences = np.setdiff1d(sentences, repeated[:, 2])
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    edges = np.diff(np.concatenate([[True], characters <= ord(" "), [True]]).astype(np.int8))
    word_starts, word_ends = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1)
    commas = np.flatnonzero(characters == ord(","))
    forward = _Axis(number, near, far, sentences, commas, word_starts)
    armed = np.ones(len(number), dtype=bool)
    for index, rule in enumerate(rules.rules):
        if rule.within:
            armed &= (number != index) | _in_scope(near, rule.within, "forward", forward, rules.rules)
    number, near, far = number[armed], near[armed], far[armed]
    forward = replace(forward, rules=number, near=near, far=far)
    backward = _Axis(number[::-1], -far[::-1], -near[::-1], -sentences[::-1], -commas[::-1] - 1, -word_ends[::-1])
    return forward, backward


def _repeat_in_lists(text: str, rules: Rules, matches: np.ndarray) -> np.ndarray:
    """Return the match that leads into each list ("Patient denies:") again before each item of the list.

    Args:
        text: The text.
        rules: The rules.
        matches: Rule, start and end of each match (matches, 3), ascending.
    """
    repeated = []
    for found in _LIST.finditer(text):
        colon = found.start()
        first, last = np.searchsorted(matches[:, 1], [text.rfind("\n", 0, colon) + 1, colon])
        if first < last and rules.rules[number := matches[last - 1, 0]].direction in ("forward", "both"):
            repeated += [(number, item.end(), item.end()) for item in _ITEM.finditer(text, colon, found.end())]
    return np.array(repeated, dtype=np.int64).reshape(-1, 3)


def _lower(text: str) -> str:
    """Return the text in lower case with every offset kept; U+0130 is the one character that would become two."""
    return text.replace("\u0130", "i").lower().replace("\u2019", "'")


def _find_phrases(text: str, rules: Rules) -> np.ndarray:
    """Return the rule, start and end of each phrase in a lower-case text (matches, 3)."""
    numbers: dict[str, tuple[int | None, int | None]] = {}
    matches: list[tuple[int | None, int, int]] = []
    for match in rules.pattern.finditer(text):
        if match[0] not in numbers:
            phrase = re.sub(r"\d", "#", " ".join(match[0].split()))
            numbers[match[0]] = rules.number.get(f"{phrase}$"), rules.number.get(phrase)
        answer, plain = numbers[match[0]]
        is_answer = answer is not None and _ANSWER_END.match(text, match.end())
        matches.append((answer if is_answer or plain is None else plain, *match.span()))  # one of the two is there
    return np.array(matches, dtype=np.int64).reshape(-1, 3)


def _find_headings(text: str, sections: dict[str, str | None]) -> list[tuple[int, int, str | None]]:
    """Return start, end and label of each heading.

    A heading is known, or in capitals with a colon; in a text whose last heading is not in capitals, any title that
    begins a line and has a colon is one as well. The blank line behind the first paragraph of a section with a label
    counts as a heading without one: what follows is rarely the family's or past any more.
    """
    headings = []
    in_capitals = False
    for match in _HEADING.finditer(text):
        line, title, colon = match.groups()
        name, capitals = " ".join(title.lower().split()), title.isupper()
        known = name in sections and (colon == ":" or line is not None)
        if known or (colon == ":" and (capitals or (line is not None and not in_capitals))):
            in_capitals = capitals
            headings.append((match.start(2), match.end(), sections.get(name)))
    ends = [
        (found.end(), found.end(), None)
        for (_, end, label), (following, _, _) in pairwise([*headings, (len(text), len(text), None)])
        if label and (found := _PARAGRAPH_END.search(text, end, following))
    ]
    return sorted([*headings, *ends], key=itemgetter(0))


def _sections_of(starts: np.ndarray, headings: list[tuple[int, int, str | None]]) -> np.ndarray:
    """Return for each position the label of its section; a heading belongs to none."""
    opens = np.array([start for start, _, _ in headings], dtype=np.int64)
    closes = np.array([*(end for _, end, _ in headings), _FAR])
    labels = np.array([*(label for _, _, label in headings), None], dtype=object)
    last = np.searchsorted(opens, starts, side="right") - 1
    sections = labels[last]
    sections[starts < closes[last]] = None
    return sections
