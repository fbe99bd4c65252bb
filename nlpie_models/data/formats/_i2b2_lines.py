"""The .con, .ast and .rel files of i2b2 2010: an annotation a line, such as ``c="pain" 5:7 5:7||t="problem"``."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ._files import read_lines
from ._lines import Lines
from ._mentions import FEW, MISPLACED, same_words

TYPES = ("problem", "treatment", "test")
ASSERTIONS = ("present", "absent", "possible", "conditional", "hypothetical", "associated_with_someone_else")
RELATIONS = ("PIP", "TeCP", "TeRP", "TrAP", "TrCP", "TrIP", "TrNAP", "TrWP")

_CONCEPT = r'c="(.*)"\s+(\d{1,7}):(\d{1,7})\s+(\d{1,7}):(\d{1,7})'
Span = tuple[int, int]


@dataclass(frozen=True)
class Form:
    """The form of a line: concepts and labels by the groups of a pattern."""

    pattern: re.Pattern[str]
    expected: str
    concepts: Sequence[int]
    labels: Sequence[tuple[int, Sequence[str]]]


CONCEPT = Form(
    re.compile(_CONCEPT + r'\|\|t="(.*)"', re.ASCII),
    'c="..." line:token line:token||t="type"',
    concepts=(1,),
    labels=((6, TYPES),),
)
ASSERTION = Form(
    re.compile(_CONCEPT + r'\|\|t="(.*)"\|\|a="(.*)"', re.ASCII),
    'c="..." line:token line:token||t="type"||a="assertion"',
    concepts=(1,),
    labels=((6, TYPES), (7, ASSERTIONS)),
)
RELATION = Form(
    re.compile(rf'{_CONCEPT}\|\|r="(.*)"\|\|{_CONCEPT}', re.ASCII),
    'c="..." line:token line:token||r="relation"||c="..." line:token line:token',
    concepts=(1, 7),
    labels=((6, RELATIONS),),
)


def read_annotations(
    path: Path, lines: Lines, form: Form, dropped: Counter[str], notes: Counter[str]
) -> Iterator[tuple[list[Span], list[str]]]:
    """Give the spans and the labels of each line of a file, those that are given twice once.

    Raises:
        DataError: A line of another form, an offset out of the text, an unknown label, or most lines are of another
            text.
    """
    seen, lost, number = set(), 0, 0
    for where, line in read_lines(path, notes):
        if not line.strip():
            continue
        number += 1
        match = form.pattern.fullmatch(line.strip())
        if match is None:
            raise DataError(f"{where}: expected {form.expected}")
        labels = [_one_of(match[group], known, where) for group, known in form.labels]
        spans = [_find(match, group, lines, where) for group in form.concepts]
        placed = [span for span in spans if span]
        if len(placed) < len(spans):
            dropped[MISPLACED] += 1
            lost += 1
            if lost > FEW and lost * 2 > number:
                raise DataError(f"{where}: expected annotations of this text; most do not stand at their offsets")
        elif (*placed, *labels) in seen:
            dropped["annotations given twice"] += 1
        else:
            seen.add((*placed, *labels))
            yield placed, labels


def _find(match: re.Match[str], group: int, lines: Lines, where: str) -> Span | None:
    """Return the characters of a concept, None if its words are not there."""
    first_line, first_token, last_line, last_token = (int(match[group + place]) for place in range(1, 5))
    span = lines.find_span((first_line, first_token), (last_line, last_token))
    if span is None:
        raise DataError(f"{where}: expected line:token offsets within the text, the end not before the start")
    start, end = span
    covered = lines.text[start:end]
    return (end - len(covered.lstrip()), end) if same_words(covered, match[group]) else None


def _one_of(value: str, known: Sequence[str], where: str) -> str:
    if value not in known:
        raise DataError(f"{where}: expected one of {', '.join(known)}, got another label")
    return value
