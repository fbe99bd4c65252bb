"""PubTator (https://www.ncbi.nlm.nih.gov/research/pubtator): title, abstract, mentions and relations of concepts.

The text is title and abstract, joined by a blank, as the offsets count. ``pubtator-ner`` has the mentions;
``pubtator-re``, if the source has relations, a row for each pair of concepts in a document, with their closest mentions
as head and tail (the same for several pairs where a mention is of several concepts): the related ones, and as ``none``
those of the types (head, tail) that are related in training, but for the reverse of a related pair.
Splits are told by the names of files or folders (train, dev, test).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import permutations, product

from ._files import find_by_split
from ._format import Format, Item, Prepared, Row, Source
from ._mentions import Placed, place_mentions, unique_entities
from ._pubtator import Document, read_file
from ._splitting import assemble

UNRELATED = "none"
_SUFFIXES = {".pubtator", ".txt"}


def _read(source: Source) -> list[Prepared]:
    documents: dict[str, list[Document]] = {}
    lost: Counter[str] = Counter()
    for split, paths in find_by_split(source, _SUFFIXES).items():
        read = {}
        for path in source.progress(paths):
            for document in read_file(path, source.notes):
                if document.name in read:
                    source.notes["documents given twice, the first taken"] += 1
                    continue
                document.placed = place_mentions(document.text, document.mentions, lost, source.notes)
                read[document.name] = document
        documents[split] = list(read.values())
    items = {
        split: [Item(document.name, [_entity_row(document, lost)]) for document in group]
        for split, group in documents.items()
    }
    sets = [assemble(source, "pubtator-ner", "ner", items, lost)]
    if any(document.relations for group in documents.values() for document in group):
        sets.append(_relation_set(source, documents))
    return sets


def _entity_row(document: Document, dropped: Counter[str]) -> Row:
    return {"id": document.name, "text": document.text, "entities": unique_entities(document.placed, dropped)}


def _relation_set(source: Source, documents: Mapping[str, Sequence[Document]]) -> Prepared:
    dropped: Counter[str] = Counter()
    learnt = documents.get("train") or [document for group in documents.values() for document in group]
    types = {types for document in learnt for types in _types(document)}
    items = {
        split: [Item(document.name, list(_pair_rows(document, types, dropped))) for document in group]
        for split, group in documents.items()
    }
    return assemble(source, "pubtator-re", "relation", items, dropped)


def _types(document: Document) -> Iterator[tuple[str, str]]:
    """The types of the concepts that are related, each of its first mention."""
    concepts = document.concepts
    for head, tail in document.relations:
        if head in concepts and tail in concepts:
            yield concepts[head][0].label, concepts[tail][0].label


def _pair_rows(document: Document, types: Collection[tuple[str, str]], dropped: Counter[str]) -> Iterator[Row]:
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


def _closest(heads: Sequence[Placed], tails: Sequence[Placed]) -> tuple[Placed, Placed] | None:
    pairs = [(head, tail) for head, tail in product(heads, tails) if (head.start, head.end) != (tail.start, tail.end)]
    return min(pairs, key=lambda pair: pair[0].distance(pair[1]), default=None)


FORMAT = Format("pubtator", "PubTator: mentions, relations of concepts", _read)
