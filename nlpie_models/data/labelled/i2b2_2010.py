"""i2b2/VA 2010 (Uzuner et al., 2011, https://doi.org/10.1136/amiajnl-2011-000203): concepts, assertions, relations.

Read from the release, unpacked (``concept_assertion_relation_training_data/{beth,partners}/{txt,concept,ast,rel}``,
``reference_standard_for_test_data/{concepts,ast,rel}``, ``test_data``), or from folders ``train`` and ``test`` with the
.txt, .con, .ast and .rel files. Three sets:

- ``i2b2-2010-ner``: a row is a document with its concepts.
- ``i2b2-2010-assertion``: a row is a problem in its line (the release has a sentence a line), with its assertion.
- ``i2b2-2010-re``: a row is a pair in its line, every pair of a problem with a treatment, a test or another problem, as
  BLUE prepares it (https://arxiv.org/abs/1906.05474) but without its treatment-test pairs, which no relation can hold.
  The head is the treatment or test, and of two problems the first in the text, whichever way the relation was written:
  an order that only related pairs have would show the label. A pair with two relations makes two rows, as in BLUE.

An annotation is a line, such as ``c="pain" 5:7 5:7||t="problem"``. Its offsets count lines from 1 and tokens from 0.
Tokens are separated by white space; a line that begins with white space has an empty token 0.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ...errors import DataError
from ..rows import LabelledRow
from ._files import find_by_split, read_lines, read_text
from ._format import OFFICIAL, DocumentRows, Format, LabelledSource, PreparedSet, assemble
from ._spans import FEW, MISPLACED, UNRELATED, PlacedSpan, same_words

_TYPES = ("problem", "treatment", "test")
_ASSERTIONS = ("present", "absent", "possible", "conditional", "hypothetical", "associated_with_someone_else")
_RELATIONS = ("PIP", "TeCP", "TeRP", "TrAP", "TrCP", "TrIP", "TrNAP", "TrWP")
_CONCEPT = r'c="(.*)"\s+(\d{1,7}):(\d{1,7})\s+(\d{1,7}):(\d{1,7})'
_TOKEN = re.compile(r"\S+", re.ASCII)
_SETS = {"i2b2-2010-ner": "ner", "i2b2-2010-re": "relation", "i2b2-2010-assertion": "classification"}
_HINTS = {"reference_standard": "test"}
_SITES = ("beth", "partners")
_Offsets = tuple[int, int]


class TextLines:
    """The lines and tokens of a text."""

    def __init__(self, text: str) -> None:
        breaks = [match.start() for match in re.finditer("\n", text)]
        self.text = text
        self._starts = [0, *(place + 1 for place in breaks)]
        self.spans = list(zip(self._starts, [*breaks, len(text)], strict=True))

    @property
    def sentences(self) -> int:
        """Number of the lines that are not blank: the release has a sentence a line."""
        return sum(1 for start, end in self.spans if self.text[start:end].strip())

    def find_span(self, first: tuple[int, int], last: tuple[int, int]) -> tuple[int, int] | None:
        """Return the offsets of the text from one (line, token) to another, both included; None if one is not there."""
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


@dataclass(frozen=True)
class _LineForm:
    """The form of an annotation's line.

    Attributes:
        pattern: Matches a line.
        expected: What the error says of the form.
        concepts: Groups of the pattern that hold the words of a concept; its four offsets are in the next groups.
        labels: Groups of the pattern that hold a label, with the labels that are known.
    """

    pattern: re.Pattern[str]
    expected: str
    concepts: Sequence[int]
    labels: Sequence[tuple[int, Sequence[str]]]


_CONCEPT_LINE = _LineForm(
    re.compile(_CONCEPT + r'\|\|t="(.*)"', re.ASCII),
    'c="..." line:token line:token||t="type"',
    concepts=(1,),
    labels=((6, _TYPES),),
)
_ASSERTION_LINE = _LineForm(
    re.compile(_CONCEPT + r'\|\|t="(.*)"\|\|a="(.*)"', re.ASCII),
    'c="..." line:token line:token||t="type"||a="assertion"',
    concepts=(1,),
    labels=((6, _TYPES), (7, _ASSERTIONS)),
)
_RELATION_LINE = _LineForm(
    re.compile(rf'{_CONCEPT}\|\|r="(.*)"\|\|{_CONCEPT}', re.ASCII),
    'c="..." line:token line:token||r="relation"||c="..." line:token line:token',
    concepts=(1, 7),
    labels=((6, _RELATIONS),),
)


def _read_annotations(
    path: Path, lines: TextLines, form: _LineForm, dropped: Counter[str], notes: Counter[str]
) -> Iterator[tuple[list[_Offsets], list[str]]]:
    """Yield the spans and the labels of every line of a file; of repeated lines, those of the first.

    Raises:
        DataError: A line has another form, an offset outside the text or an unknown label, or most lines are of
            another text.
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
                raise DataError(f"{where}: expected annotations of this text; most are not at their offsets")
        elif (*placed, *labels) in seen:
            dropped["annotations given twice"] += 1
        else:
            seen.add((*placed, *labels))
            yield placed, labels


def _find(match: re.Match[str], group: int, lines: TextLines, where: str) -> _Offsets | None:
    """Return the offsets of a concept, None if its words are not there."""
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


def _read(source: LabelledSource) -> list[PreparedSet]:
    items: dict[str, dict[str, list[DocumentRows]]] = {name: {} for name in _SETS}
    dropped: dict[str, Counter[str]] = {name: Counter() for name in _SETS}
    for split, paths in find_by_split(source, {".txt", ".con", ".ast", ".rel"}, _HINTS).items():
        files: dict[str, dict[str, Path]] = {}
        for path in paths:
            files.setdefault(_document(path, source), {}).setdefault(path.suffix.lower(), path)
        _check_texts(files)
        documents = {paths_of[".txt"]: document for document, paths_of in files.items()}
        for text_path in source.progress(list(documents)):
            document = documents[text_path]
            if ".con" not in files[document]:
                source.notes["texts without a .con file, left out"] += 1
                continue
            lines = TextLines(read_text(text_path, source.notes))
            for name, rows in _read_document(document, lines, files[document], dropped, source.notes):
                items[name].setdefault(split, []).append(DocumentRows(document, rows, sentences=lines.sentences))
    if not items["i2b2-2010-ner"]:
        raise DataError(f"{source.path}: expected .con files beside the .txt files, or in folders called concept")
    return [
        assemble(source, name, task, items[name], dropped[name], origin=OFFICIAL)
        for name, task in _SETS.items()
        if any(item.rows for group in items[name].values() for item in group)
    ]


def _document(path: Path, source: LabelledSource) -> str:
    """Return the name of a document, with its site if there is one, as both sites call theirs record-1 and so on."""
    site = next((part for part in path.relative_to(source.path).parts if part in _SITES), None)
    return f"{site}/{path.stem}" if site else path.stem


def _check_texts(files: Mapping[str, Mapping[str, Path]]) -> None:
    for paths in files.values():
        if ".txt" not in paths:
            path = paths.get(".con") or next(iter(paths.values()))
            raise DataError(f"{path}:1: expected a text for it, {path.stem}.txt, in the same split")


def _read_document(
    document: str, lines: TextLines, paths: Mapping[str, Path], dropped: Mapping[str, Counter[str]], notes: Counter[str]
) -> Iterator[tuple[str, list[LabelledRow]]]:
    """Yield the sets that a document has the files for, by name, with the rows of the document."""
    read = _read_annotations(paths[".con"], lines, _CONCEPT_LINE, dropped["i2b2-2010-ner"], notes)
    concepts = [PlacedSpan("", label, *span) for [span], [label] in read]
    concepts.sort(key=lambda concept: (concept.start, concept.end, concept.label))
    yield "i2b2-2010-ner", [{"id": document, "text": lines.text, "entities": [item.as_entity() for item in concepts]}]
    if ".rel" in paths:
        lost = dropped["i2b2-2010-re"]
        annotations = _read_annotations(paths[".rel"], lines, _RELATION_LINE, lost, notes)
        relations = [(spans, label) for spans, [label] in annotations]
        yield "i2b2-2010-re", list(_pair_rows(document, lines, concepts, relations, lost))
    if ".ast" in paths:
        asserted = _read_annotations(paths[".ast"], lines, _ASSERTION_LINE, dropped["i2b2-2010-assertion"], notes)
        yield "i2b2-2010-assertion", list(_assertion_rows(document, lines, asserted))


def _assertion_rows(
    document: str, lines: TextLines, asserted: Iterable[tuple[list[_Offsets], list[str]]]
) -> Iterator[LabelledRow]:
    for number, ([(start, end)], [label, assertion]) in enumerate(asserted):
        first, last = lines.spans[lines.line_of(start)][0], lines.spans[lines.line_of(end)][1]
        entity = PlacedSpan("", label, start, end).as_entity(first)
        yield {"id": f"{document}-{number}", "text": lines.text[first:last], "entity": entity, "label": assertion}


def _pair_rows(
    document: str,
    lines: TextLines,
    concepts: Sequence[PlacedSpan],
    relations: Iterable[tuple[list[_Offsets], str]],
    dropped: Counter[str],
) -> Iterator[LabelledRow]:
    related: dict[frozenset[_Offsets], list[str]] = {}
    for spans, label in relations:
        labels = related.setdefault(frozenset(spans), [])
        if label in labels:
            dropped["relations given twice"] += 1
        else:
            labels.append(label)
    number = 0
    for one, other in combinations(concepts, 2):
        line = lines.line_of(one.start)
        if "problem" not in (one.label, other.label) or lines.line_of(max(one.end, other.end)) != line:
            continue
        head, tail = (other, one) if other.label != "problem" else (one, other)
        pair = frozenset({(one.start, one.end), (other.start, other.end)})
        if len(pair) == 1:
            continue
        first, last = lines.spans[line]
        for label in related.pop(pair, [UNRELATED]):
            arguments = {"head": head.as_argument(first), "tail": tail.as_argument(first)}
            yield {"id": f"{document}-{number}", "text": lines.text[first:last], **arguments, "label": label}
            number += 1
    if related:
        dropped["relations of concepts that are not such a pair in one line"] += sum(map(len, related.values()))


FORMAT = Format("i2b2-2010", "i2b2 2010: concepts, assertions, relations (.txt, .con, .ast, .rel)", _read)
