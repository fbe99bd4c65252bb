"""i2b2/VA 2010 (Uzuner et al., 2011, https://doi.org/10.1136/amiajnl-2011-000203): concepts, assertions, relations.

Read from the release, unpacked (``concept_assertion_relation_training_data/{beth,partners}/{txt,concept,ast,rel}``,
``reference_standard_for_test_data/{concepts,ast,rel}``, ``test_data``), or from folders ``train`` and ``test`` with the
.txt, .con, .ast and .rel files. Three sets:

- ``i2b2-2010-ner``: a row is a document with its concepts.
- ``i2b2-2010-assertion``: a row is a problem in its line (the release has a sentence on each), with what is asserted.
- ``i2b2-2010-re``: a row is a pair in its line, every pair of a problem with a treatment, a test or another problem, as
  BLUE prepares it (https://arxiv.org/abs/1906.05474) but without its treatment-test pairs, which no relation can hold.
  The head is the treatment or test, and of two problems the first in the text, whichever way the relation was written:
  an order that only related pairs have would give them away. A pair with two relations makes two rows, as in BLUE.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from ...errors import DataError
from ._files import find_by_split, read_text
from ._format import Format, Item, Prepared, Row, Source
from ._i2b2_lines import ASSERTION, CONCEPT, RELATION, Span, read_annotations
from ._lines import Lines
from ._mentions import Placed
from ._splitting import OFFICIAL, assemble

UNRELATED = "none"
_SETS = {"i2b2-2010-ner": "ner", "i2b2-2010-re": "relation", "i2b2-2010-assertion": "classification"}
_HINTS = {"reference_standard": "test"}
_SITES = ("beth", "partners")


def _read(source: Source) -> list[Prepared]:
    items: dict[str, dict[str, list[Item]]] = {name: {} for name in _SETS}
    dropped: dict[str, Counter[str]] = {name: Counter() for name in _SETS}
    for split, paths in find_by_split(source, {".txt", ".con", ".ast", ".rel"}, _HINTS).items():
        files: dict[str, dict[str, Path]] = {}
        for path in paths:
            files.setdefault(_document(path, source), {}).setdefault(path.suffix.lower(), path)
        _check_texts(files)
        documents = {own[".txt"]: document for document, own in files.items()}
        for text_path in source.progress(list(documents)):
            document = documents[text_path]
            if ".con" not in files[document]:
                source.notes["texts without a .con file, left out"] += 1
                continue
            lines = Lines(read_text(text_path, source.notes))
            for name, rows in _read_document(document, lines, files[document], dropped, source.notes):
                items[name].setdefault(split, []).append(Item(document, rows, sentences=lines.sentences))
    if not items["i2b2-2010-ner"]:
        raise DataError(f"{source.path}: expected .con files beside the .txt files, or in folders called concept")
    return [
        assemble(source, name, task, items[name], dropped[name], origin=OFFICIAL)
        for name, task in _SETS.items()
        if any(item.rows for group in items[name].values() for item in group)
    ]


def _document(path: Path, source: Source) -> str:
    """Both sites call their documents record-1 and so on."""
    site = next((part for part in path.relative_to(source.path).parts if part in _SITES), None)
    return f"{site}/{path.stem}" if site else path.stem


def _check_texts(files: Mapping[str, Mapping[str, Path]]) -> None:
    for own in files.values():
        if ".txt" not in own:
            path = own.get(".con") or next(iter(own.values()))
            raise DataError(f"{path}:1: expected a text for it, {path.stem}.txt, in the same split")


def _read_document(
    document: str, lines: Lines, own: Mapping[str, Path], dropped: Mapping[str, Counter[str]], notes: Counter[str]
) -> Iterator[tuple[str, list[Row]]]:
    """Give the rows of each set that a document has the files for."""
    read = read_annotations(own[".con"], lines, CONCEPT, dropped["i2b2-2010-ner"], notes)
    concepts = [Placed("", label, *span) for [span], [label] in read]
    concepts.sort(key=lambda concept: (concept.start, concept.end, concept.label))
    yield "i2b2-2010-ner", [{"id": document, "text": lines.text, "entities": [item.as_entity() for item in concepts]}]
    if ".rel" in own:
        lost = dropped["i2b2-2010-re"]
        relations = [(spans, label) for spans, [label] in read_annotations(own[".rel"], lines, RELATION, lost, notes)]
        yield "i2b2-2010-re", list(_pair_rows(document, lines, concepts, relations, lost))
    if ".ast" in own:
        asserted = read_annotations(own[".ast"], lines, ASSERTION, dropped["i2b2-2010-assertion"], notes)
        yield "i2b2-2010-assertion", list(_assertion_rows(document, lines, asserted))


def _assertion_rows(document: str, lines: Lines, asserted: Iterable[tuple[list[Span], list[str]]]) -> Iterator[Row]:
    for number, ([(start, end)], [label, assertion]) in enumerate(asserted):
        first, last = lines.spans[lines.line_of(start)][0], lines.spans[lines.line_of(end)][1]
        entity = Placed("", label, start, end).as_entity(first)
        yield {"id": f"{document}-{number}", "text": lines.text[first:last], "entity": entity, "label": assertion}


def _pair_rows(
    document: str,
    lines: Lines,
    concepts: Sequence[Placed],
    relations: Iterable[tuple[list[Span], str]],
    dropped: Counter[str],
) -> Iterator[Row]:
    related: dict[frozenset[Span], list[str]] = {}
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
