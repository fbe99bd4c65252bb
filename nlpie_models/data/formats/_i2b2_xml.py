"""What the i2b2 releases in XML share: spans under ``<TAGS>``, counted in characters of ``<TEXT>``.

The offsets are counted from 0 where the text begins with a line break, as in most files, and so from 1 for the first
letter; where it does not, from 1 too.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ...errors import DataError
from ._files import find_by_split, take_label
from ._format import Item, Prepared, Source
from ._mentions import Mention, place_mentions, unique_entities
from ._splitting import OFFICIAL, assemble
from ._xml import Tag, read_xml

_COUNTINGS = (lambda offset: offset, lambda offset: offset - 1)


@dataclass(frozen=True)
class SpanSet:
    """Which elements make a set, and the attribute that is their label."""

    name: str
    elements: Collection[str]
    attribute: str


def read_i2b2_xml(
    source: Source,
    sets: Collection[SpanSet],
    *,
    others: Collection[str] = (),
    hints: Mapping[str, str] | None = None,
    patient_of: Callable[[str], str] = lambda document: "",
    unit: str = "documents",
) -> list[Prepared]:
    """Read a folder of XML files.

    Args:
        source: The folder.
        sets: The sets that they give.
        others: Elements under ``<TAGS>`` that are known and not read.
        hints: Parts of the releases' folder names that tell a split.
        patient_of: The patient of a document, where its id says so.
        unit: What ``patient_of`` tells apart.

    Raises:
        DataError: A broken file, or an element that is not known.
    """
    items: dict[str, dict[str, list[Item]]] = {entry.name: {} for entry in sets}
    dropped: dict[str, Counter[str]] = {entry.name: Counter() for entry in sets}
    known = {element for entry in sets for element in entry.elements} | set(others)
    for split, paths in find_by_split(source, {".xml"}, hints).items():
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
                items[entry.name].setdefault(split, []).append(Item(document, [row], patient_of(document)))
    return [
        assemble(source, entry.name, "ner", items[entry.name], dropped[entry.name], origin=OFFICIAL, unit=unit)
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
