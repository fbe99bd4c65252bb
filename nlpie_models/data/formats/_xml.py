"""The flat XML of the i2b2 releases: one ``<TEXT>``, and ``<TAGS>`` with one element for each annotation.

Read with expat, which gives the line of each element and fetches nothing; a document that declares an entity is
refused, as an entity can grow without bound. Some released files hold stray ``&`` and ``<`` in their attributes; they
are read as the characters that they stand for.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from ...errors import DataError
from ._files import read_text

_CDATA = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
_ATTRIBUTE = re.compile(r'(?<==)"[^"]*"')


@dataclass(frozen=True)
class Tag:
    """An annotation: its element, attributes and ``file:line``."""

    name: str
    attributes: Mapping[str, str]
    where: str

    def take(self, attribute: str) -> str:
        """Return an attribute.

        Raises:
            DataError: There is none of that name.
        """
        if attribute not in self.attributes:
            raise DataError(f"{self.where}: expected an attribute {attribute!r}")
        return self.attributes[attribute]

    def take_offset(self, attribute: str) -> int:
        """Return an attribute that is a number of characters.

        Raises:
            DataError: It is not.
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
        DataError: It is not XML of this form.
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
    notes["files with stray & or < in attributes, mended"] += 1
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
