"""PubTator (https://www.ncbi.nlm.nih.gov/research/pubtator): title, abstract, mentions and relations of concepts.

A file has lines ``id|t|title`` and ``id|a|abstract``, and tab-separated lines of mentions and of relations. The text is
title and abstract, joined by a blank, as the offsets count. ``pubtator-ner`` has the mentions. ``pubtator-re``, if the
source has relations, has a row for a pair of concepts in a document, with their closest mentions as head and tail (the
same ones for several pairs where a mention is of several concepts). The pairs are those that are related and, as
``none``, the others of the types (head, tail) that are related in training, but for the reverse of a related pair.
Splits follow from the names of files or folders (train, dev, test).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from pathlib import Path

from ...errors import DataError
from ..rows import LabelledRow
from ._files import find_by_split, read_lines, take_label
from ._format import DocumentRows, Format, LabelledSource, PreparedSet, assemble
from ._spans import UNRELATED, Mention, PlacedSpan, place_mentions, unique_entities

_SUFFIXES = {".pubtator", ".txt"}
_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_NO_CONCEPT = {"", "-", "-1"}


@dataclass
class PubtatorDocument:
    """The texts and annotations of one document."""

    name: str
    title: str
    where: str
    abstract: str | None = None
    mentions: list[Mention] = field(default_factory=list)
    relations: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    placed: Sequence[PlacedSpan] = ()

    @property
    def text(self) -> str:
        """Title and abstract, joined by a blank."""
        return f"{self.title} {self.abstract}" if self.abstract else self.title

    @property
    def concepts(self) -> dict[str, list[PlacedSpan]]:
        """The placed mentions by concept; a mention of several concepts (``D1|D2``) is in each of them."""
        related = {concept for pair in self.relations for concept in pair}
        found: dict[str, list[PlacedSpan]] = {}
        for span in self.placed:
            parts = re.split(r"[|,;+]", span.key)
            if span.key in related or not all(re.search(r"\d", part) for part in parts):
                parts = [span.key]
            for concept in parts:
                if concept not in _NO_CONCEPT:
                    found.setdefault(concept, []).append(span)
        return found


def _read_file(path: Path, notes: Counter[str]) -> Iterator[PubtatorDocument]:
    """Yield the documents of a file, one at a time.

    Raises:
        DataError: A line has no known form, or is of another document than the line before it.
    """
    document = None
    for where, line in read_lines(path, notes):
        if not line.strip():
            continue
        match = _TEXT.fullmatch(line)
        if match and match[2] == "t":
            if document:
                yield document
            document = PubtatorDocument(match[1], match[3], where)
        elif document is None:
            raise DataError(f"{where}: expected a title, such as 1234|t|the title")
        elif match:
            if match[1] != document.name or document.abstract is not None:
                raise DataError(f"{where}: expected one abstract, of the document whose title comes before it")
            document.abstract = match[3]
        else:
            _read_annotation(document, line.rstrip().split("\t"), where)
    if document:
        yield document


def _read_annotation(document: PubtatorDocument, fields: list[str], where: str) -> None:
    if fields[0] != document.name:
        raise DataError(f"{where}: expected an annotation of the document whose title comes before it")
    if len(fields) in (5, 6, 7) and all(map(_NUMBER.fullmatch, fields[1:3])):
        start, end = int(fields[1]), int(fields[2])
        if start > end:
            raise DataError(f"{where}: expected the end after the start")
        label, key = take_label(fields[4], where), fields[5].strip() if len(fields) > 5 else ""
        document.mentions.append(Mention(key, label, ((start, end),), fields[3], where))
    elif len(fields) in (4, 5) and not _NUMBER.fullmatch(fields[1]):
        labels = document.relations.setdefault((fields[2].strip(), fields[3].strip()), [])
        labels.append(take_label(fields[1], where))
    else:
        raise DataError(f"{where}: expected id, start, end, mention, type, concept; or id, relation, concept, concept")


def _read(source: LabelledSource) -> list[PreparedSet]:
    documents: dict[str, list[PubtatorDocument]] = {}
    lost: Counter[str] = Counter()
    for split, paths in find_by_split(source, _SUFFIXES).items():
        read = {}
        for path in source.progress(paths):
            for document in _read_file(path, source.notes):
                if document.name in read:
                    source.notes["documents given twice, the first taken"] += 1
                    continue
                document.placed = place_mentions(document.text, document.mentions, lost, source.notes)
                read[document.name] = document
        documents[split] = list(read.values())
    items = {
        split: [DocumentRows(document.name, [_entity_row(document, lost)]) for document in group]
        for split, group in documents.items()
    }
    sets = [assemble(source, "pubtator-ner", "ner", items, lost)]
    if any(document.relations for group in documents.values() for document in group):
        sets.append(_relation_set(source, documents))
    return sets


def _entity_row(document: PubtatorDocument, dropped: Counter[str]) -> LabelledRow:
    return {"id": document.name, "text": document.text, "entities": unique_entities(document.placed, dropped)}


def _relation_set(source: LabelledSource, documents: Mapping[str, Sequence[PubtatorDocument]]) -> PreparedSet:
    dropped: Counter[str] = Counter()
    training = documents.get("train") or [document for group in documents.values() for document in group]
    types = {types for document in training for types in _types(document)}
    items = {
        split: [DocumentRows(document.name, list(_pair_rows(document, types, dropped))) for document in group]
        for split, group in documents.items()
    }
    return assemble(source, "pubtator-re", "relation", items, dropped)


def _types(document: PubtatorDocument) -> Iterator[tuple[str, str]]:
    """Yield the types (head, tail) of the related concepts of a document; a concept has that of its first mention."""
    concepts = document.concepts
    for head, tail in document.relations:
        if head in concepts and tail in concepts:
            yield concepts[head][0].label, concepts[tail][0].label


def _pair_rows(
    document: PubtatorDocument, types: Collection[tuple[str, str]], dropped: Counter[str]
) -> Iterator[LabelledRow]:
    concepts = document.concepts
    pairs = dict(document.relations)
    for head, tail in permutations(concepts, 2):
        related = (head, tail) in document.relations or (tail, head) in document.relations
        if (concepts[head][0].label, concepts[tail][0].label) in types and not related:
            pairs[head, tail] = [UNRELATED]
    number = 0
    for (head, tail), labels in pairs.items():
        closest = _closest(concepts.get(head, []), concepts.get(tail, []))
        if closest is None:
            if labels != [UNRELATED]:
                dropped["relations without a mention of each concept"] += len(labels)
            continue
        for label in dict.fromkeys(labels):
            yield {
                "id": f"{document.name}-{number}",
                "text": document.text,
                "head": {**closest[0].as_argument(), "concept": head},
                "tail": {**closest[1].as_argument(), "concept": tail},
                "label": label,
            }
            number += 1


def _closest(heads: Sequence[PlacedSpan], tails: Sequence[PlacedSpan]) -> tuple[PlacedSpan, PlacedSpan] | None:
    pairs = [(head, tail) for head, tail in product(heads, tails) if (head.start, head.end) != (tail.start, tail.end)]
    return min(pairs, key=lambda pair: pair[0].distance(pair[1]), default=None)


FORMAT = Format("pubtator", "PubTator: mentions, relations of concepts", _read)
