"""The lines of a PubTator file: ``id|t|title``, ``id|a|abstract``, and tab-separated mentions and relations."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError
from ._files import read_lines, take_label
from ._mentions import Mention, Placed

_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_NO_CONCEPT = {"", "-", "-1"}


@dataclass
class Document:
    """What a file says of one document."""

    name: str
    title: str
    where: str
    abstract: str | None = None
    mentions: list[Mention] = field(default_factory=list)
    relations: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    placed: Sequence[Placed] = ()

    @property
    def text(self) -> str:
        """Title and abstract, which are one character apart in the offsets."""
        return f"{self.title} {self.abstract}" if self.abstract else self.title

    @property
    def concepts(self) -> dict[str, list[Placed]]:
        """Its mentions by concept; a mention of several (``D1|D2``) is one of each."""
        related = {concept for pair in self.relations for concept in pair}
        found: dict[str, list[Placed]] = {}
        for span in self.placed:
            parts = re.split(r"[|,;+]", span.key)
            if span.key in related or not all(re.search(r"\d", part) for part in parts):
                parts = [span.key]
            for concept in parts:
                if concept not in _NO_CONCEPT:
                    found.setdefault(concept, []).append(span)
        return found


def read_file(path: Path, notes: Counter[str]) -> Iterator[Document]:
    """Give the documents of a file.

    Raises:
        DataError: A line of no known form, or of another document than the one before it.
    """
    document = None
    for where, line in read_lines(path, notes):
        if not line.strip():
            continue
        match = _TEXT.fullmatch(line)
        if match and match[2] == "t":
            if document:
                yield document
            document = Document(match[1], match[3], where)
        elif document is None:
            raise DataError(f"{where}: expected a title, such as 1234|t|the title")
        elif match:
            if match[1] != document.name or document.abstract is not None:
                raise DataError(f"{where}: expected one abstract, of the document whose title stands before it")
            document.abstract = match[3]
        else:
            _read_annotation(document, line.rstrip().split("\t"), where)
    if document:
        yield document


def _read_annotation(document: Document, fields: list[str], where: str) -> None:
    if fields[0] != document.name:
        raise DataError(f"{where}: expected an annotation of the document whose title stands before it")
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
