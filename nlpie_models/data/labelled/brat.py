r"""BRAT standoff (https://brat.nlplab.org/standoff.html): folders of .txt and .ann files, with spans and relations.

Splits follow from the names of folders (train, dev, test), or of files if every one says its split. A discontinuous
span (``T1\tDrug 10 15;18 22\tmid dose``) goes from its first piece to its last, as in the scorer of n2c2 2018, where
most have only a line break between; those with words between are counted. Offsets may count CRLF as one character or
as two. The triggers of events are read as spans. Attributes, normalisations, notes, equivalences and the arguments of
events are not read, but counted.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...errors import DataError
from ...util.files import sha256_of
from ._files import find_by_split, read_lines, read_raw, take_label, with_lf
from ._format import DocumentRows, Format, LabelledSource, PreparedSet, assemble
from ._spans import Counting, Mention, PlacedSpan, RelatedSpans, pair_spans, place_mentions, unique_entities

_SPAN = re.compile(r"(T\d+)\t(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)(?:\t(.*))?", re.ASCII)
_RELATION = re.compile(r"R\d+\t(\S+) \S+?:(T\d+) \S+?:(T\d+)\s*", re.ASCII)
_NOT_READ = {
    "A": "attributes",
    "M": "attributes",
    "N": "normalisations",
    "E": "events",
    "#": "notes",
    "*": "equivalences",
}


@dataclass(frozen=True)
class Standoff:
    """The spans of an .ann file, and its relations as (head's key, label, tail's key)."""

    mentions: list[Mention]
    relations: list[tuple[str, str, str]]


def read_brat(source: LabelledSource, name: str, labels: Collection[str] = (), **splitting: str) -> list[PreparedSet]:
    """Read a folder of .txt and .ann files as ``<name>-ner``, and ``<name>-re`` if it holds relations.

    Args:
        source: The folder.
        name: What the names of the sets begin with.
        labels: The labels that spans can have; any if empty.
        splitting: ``origin`` and ``unit`` for :func:`~._format.assemble`.

    Raises:
        DataError: A file is broken, or has a label that is not known.
    """
    documents: dict[str, list[DocumentRows]] = {}
    related: dict[str, list[RelatedSpans]] = {}
    lost: Counter[str] = Counter()
    unrelated: Counter[str] = Counter()
    for split, paths in find_by_split(source, {".ann", ".txt"}, documents=True).items():
        texts = _texts_of(paths, source)
        ids = _name_documents(texts, source)
        for path in source.progress(list(ids)):
            document = ids[path]
            raw = read_raw(texts[path], source.notes)
            text, standoff = with_lf(raw), read_standoff(path, labels, source.notes)
            placed = place_mentions(text, standoff.mentions, lost, source.notes, _countings(raw))
            row = {"id": document, "text": text, "entities": unique_entities(placed, lost)}
            documents.setdefault(split, []).append(DocumentRows(document, [row]))
            relations = _relations(standoff, placed, unrelated)
            related.setdefault(split, []).append(RelatedSpans(document, text, placed, relations))
    sets = [assemble(source, f"{name}-ner", "ner", documents, lost, **splitting)]
    if any(document.relations for group in related.values() for document in group):
        pairs = pair_spans(related, unrelated)
        sets.append(assemble(source, f"{name}-re", "relation", pairs, unrelated, **splitting))
    return sets


def read_standoff(path: Path, labels: Collection[str], notes: Counter[str]) -> Standoff:
    """Read an .ann file.

    Args:
        path: The file.
        labels: The labels that spans can have; any if empty.
        notes: Counts the lines that are not read, and what was done to the file.

    Raises:
        DataError: A line has no known form, a label is not known, or a relation is of a span that the file lacks.
    """
    mentions: list[Mention] = []
    relations: list[tuple[str, str, str, str]] = []
    for where, line in read_lines(path, notes):
        line = line.rstrip()
        if not line:
            continue
        if line[0] == "T":
            mentions.append(_read_span(line, where, labels))
        elif line[0] == "R":
            match = _RELATION.fullmatch(line)
            if match is None:
                raise DataError(f"{where}: expected R1, a tab, and: relation Arg1:T1 Arg2:T2")
            relations.append((where, match[2], take_label(match[1], where), match[3]))
        elif line[0] in _NOT_READ:
            notes[f"BRAT {_NOT_READ[line[0]]}, not read"] += 1
        else:
            raise DataError(f"{where}: expected a line of BRAT standoff, which begins with T, R, E, A, M, N, # or *")
    keys = {mention.key for mention in mentions}
    for where, head, _, tail in relations:
        if not {head, tail} <= keys:
            raise DataError(f"{where}: expected a relation of spans that the file has")
    return Standoff(mentions, [relation[1:] for relation in relations])


def _read_span(line: str, where: str, labels: Collection[str]) -> Mention:
    match = _SPAN.fullmatch(line)
    if match is None:
        raise DataError(f"{where}: expected T1, a tab, a label with offsets such as: Drug 10 15;18 22, a tab, the text")
    pieces = tuple((int(start), int(end)) for start, end in (piece.split(" ") for piece in match[3].split(";")))
    offsets = [offset for piece in pieces for offset in piece]
    if offsets != sorted(offsets):
        raise DataError(f"{where}: expected offsets in order, the end after the start")
    label = take_label(match[2], where)
    if labels and label not in labels:
        raise DataError(f"{where}: expected one of {', '.join(sorted(labels))}, got another label")
    return Mention(match[1], label, pieces, match[4] or "", where)


def _relations(
    standoff: Standoff, placed: Collection[PlacedSpan], dropped: Counter[str]
) -> dict[tuple[PlacedSpan, PlacedSpan], list[str]]:
    by_key = {span.key: span for span in placed}
    found: dict[tuple[PlacedSpan, PlacedSpan], list[str]] = {}
    for head, label, tail in standoff.relations:
        if head not in by_key or tail not in by_key:
            dropped["relations of spans that were left out"] += 1
            continue
        labels = found.setdefault((by_key[head], by_key[tail]), [])
        if label in labels:
            dropped["relations given twice"] += 1
        else:
            labels.append(label)
    return found


def _countings(raw: str) -> list[Counting]:
    """Return how offsets may be counted: CRLF as two characters, or as one."""
    breaks = [match.start() for match in re.finditer("\r\n", raw)]
    return [lambda offset: offset - bisect_left(breaks, offset), lambda offset: offset]


def _texts_of(paths: Collection[Path], source: LabelledSource) -> dict[Path, Path]:
    """Return the text of each .ann file; texts without one are counted."""
    texts = {path.with_suffix(""): path for path in paths if path.suffix.lower() == ".txt"}
    found = {}
    for path in paths:
        if path.suffix.lower() != ".ann":
            continue
        if path.with_suffix("") not in texts:
            raise DataError(f"{path}:1: expected a text for it, {path.stem}.txt, beside it")
        found[path] = texts[path.with_suffix("")]
    if bare := len(texts) - len(found):
        source.notes["texts without an .ann file, left out"] += bare
    return found


def _name_documents(texts: Mapping[Path, Path], source: LabelledSource) -> dict[Path, str]:
    """Return the id of the document of each .ann file: its name or, where folders share it, its path in the source.

    Of files of one name with one text, the first is taken.
    """
    ids: dict[Path, str] = {}
    contents: dict[str, set[bytes]] = {}
    for path, text in texts.items():
        known = contents.setdefault(path.stem, set())
        content = sha256_of(text).encode()
        if content in known:
            source.notes["documents given twice, the first taken"] += 1
            continue
        ids[path] = path.relative_to(source.path).with_suffix("").as_posix() if known else path.stem
        known.add(content)
    return ids


FORMAT = Format("brat", "BRAT standoff: spans and relations (.txt, .ann)", partial(read_brat, name="brat"))
