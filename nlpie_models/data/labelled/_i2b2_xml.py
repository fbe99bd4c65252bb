"""The XML of the i2b2 releases: one ``<TEXT>``, and ``<TAGS>`` with an element for every annotated span.

Offsets are counted in characters of the text: from 0 where it begins with a line break, as in most files, which makes
the first letter 1; from 1 where it does not.

The files are parsed with expat, which knows the line of every element and fetches nothing; a file that declares an
entity is refused, as an entity can grow without bound. Some released files hold stray ``&`` and ``<`` in their
attributes; these are read as the characters that they are meant as.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from ...errors import DataError
from ._files import find_by_split, read_text, take_label
from ._format import OFFICIAL, DocumentRows, LabelledSource, PreparedSet, assemble
from ._spans import Mention, place_mentions, unique_entities

_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
_ATTRIBUTE = re.compile(r'(?<==)"[^"]*"')
_COUNTINGS = (lambda offset: offset, lambda offset: offset - 1)


@dataclass(frozen=True)
class Tag:
    """An annotation: its element's name and attributes, and its place (``file:line``)."""

    name: str
    attributes: Mapping[str, str]
    where: str

    def take(self, attribute: str) -> str:
        """Return an attribute.

        Raises:
            DataError: The element lacks it.
        """
        if attribute not in self.attributes:
            raise DataError(f"{self.where}: expected an attribute {attribute!r}")
        return self.attributes[attribute]

    def take_offset(self, attribute: str) -> int:
        """Return an attribute that is a number of characters.

        Raises:
            DataError: The element lacks it, or it is no such number.
        """
        value = self.take(attribute)
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise DataError(f"{self.where}: expected {attribute!r} to be a number of characters")
        return int(value)


@dataclass(frozen=True)
class XmlDocument:
    """The text and the annotations of a file."""

    text: str
    tags: list[Tag]


def read_xml(path: Path, notes: Counter[str]) -> XmlDocument:
    """Read a file.

    Raises:
        DataError: The file is not XML, or not of this form.
    """
    content = read_text(path, notes)
    try:
        return _parse(content, path)
    except expat.ExpatError as error:
        broken = DataError(f"{path}:{error.lineno}: not XML: {expat.ErrorString(error.code)}")
    try:
        document = _parse(_escape_strays(content), path)
    except expat.ExpatError:
        raise broken from None
    notes["files with stray & or < in attributes, repaired"] += 1
    return document


def _escape_strays(content: str) -> str:
    parts = _CDATA.split(content)
    parts[::2] = [_ATTRIBUTE.sub(_escape_attribute, _STRAY_AMPERSAND.sub("&amp;", part)) for part in parts[::2]]
    return "".join(parts)


def _escape_attribute(match: re.Match[str]) -> str:
    return match[0].replace("<", "&lt;")


def _parse(content: str, path: Path) -> XmlDocument:
    parser: Any = expat.ParserCreate()
    parser.buffer_text = True
    stack: list[str] = []
    texts: list[str] = []
    tags: list[Tag] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append(name)
        if len(stack) == 3 and stack[1] == "TAGS":
            tags.append(Tag(name, attributes, f"{path}:{parser.CurrentLineNumber}"))
        elif stack[1:] == ["TEXT"]:
            texts.append("")

    def end(name: str) -> None:
        stack.pop()

    def characters(data: str) -> None:
        if stack[1:] == ["TEXT"]:
            texts[-1] += data

    def refuse(*_: Any) -> NoReturn:
        raise DataError(f"{path}:{parser.CurrentLineNumber}: declares an entity, which is refused")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = characters, refuse
    parser.Parse(content, True)
    if len(texts) != 1:
        raise DataError(f"{path}:1: expected one <TEXT> under the root, and <TAGS>; got {len(texts)}")
    return XmlDocument(texts[0], tags)


@dataclass(frozen=True)
class SpanSet:
    """A set of spans: the elements that make it, and the attribute that is their label."""

    name: str
    elements: Collection[str]
    attribute: str


def read_i2b2_xml(
    source: LabelledSource,
    sets: Collection[SpanSet],
    *,
    others: Collection[str] = (),
    hints: Mapping[str, str] | None = None,
    patient_of: Callable[[str], str] = lambda document: "",
    unit: str = "documents",
) -> list[PreparedSet]:
    """Read a folder of XML files.

    Args:
        source: The folder.
        sets: The sets to make of their elements.
        others: Elements under ``<TAGS>`` that are known and not read.
        hints: Splits by the parts of names that mean them, besides train, dev and test.
        patient_of: Returns the patient of a document, from its id; by default none is known.
        unit: What stays together in a split, in the plural: ``patients`` with ``patient_of``.

    Raises:
        DataError: A file is broken, or has an element that is not known.
    """
    documents: dict[str, dict[str, list[DocumentRows]]] = {entry.name: {} for entry in sets}
    dropped: dict[str, Counter[str]] = {entry.name: Counter() for entry in sets}
    known = {element for entry in sets for element in entry.elements} | set(others)
    for split, paths in find_by_split(source, {".xml"}, hints, documents=True).items():
        done: set[str] = set()
        for path in source.progress(paths):
            document = path.stem
            if document in done:
                source.notes["documents given twice, the first taken"] += 1
                continue
            done.add(document)
            xml = read_xml(path, source.notes)
            _check_elements(xml.tags, known)
            for entry in sets:
                mentions = [_mention(tag, entry) for tag in xml.tags if tag.name in entry.elements]
                mentions = _with_label(mentions, dropped[entry.name])
                placed = place_mentions(xml.text, mentions, dropped[entry.name], source.notes, _COUNTINGS)
                row = {"id": document, "text": xml.text, "entities": unique_entities(placed, dropped[entry.name])}
                documents[entry.name].setdefault(split, []).append(DocumentRows(document, [row], patient_of(document)))
    return [
        assemble(source, entry.name, "ner", documents[entry.name], dropped[entry.name], origin=OFFICIAL, unit=unit)
        for entry in sets
    ]


def _check_elements(tags: Collection[Tag], known: Collection[str]) -> None:
    for tag in tags:
        if tag.name not in known:
            raise DataError(f"{tag.where}: expected one of {', '.join(sorted(known))}, got another element")


def _mention(tag: Tag, entry: SpanSet) -> Mention:
    start, end = tag.take_offset("start"), tag.take_offset("end")
    if start > end:
        raise DataError(f"{tag.where}: expected the end after the start")
    label = tag.take(entry.attribute).strip()
    return Mention("", label and take_label(label, tag.where), ((start, end),), tag.take("text"), tag.where)


def _with_label(mentions: Collection[Mention], dropped: Counter[str]) -> list[Mention]:
    labelled = [mention for mention in mentions if mention.label]
    if len(labelled) < len(mentions):
        dropped["annotations without a label"] += len(mentions) - len(labelled)
    return labelled
