"""Annotations as BRAT standoff (https://brat.nlplab.org/standoff.html): a .txt and an .ann for each text."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..fields import Entity
from ..markup import encodable

if TYPE_CHECKING:
    from ..annotation import Annotation

_STEM_BYTES = 200  # a file system takes names of 255 bytes, of which a number and the suffix need some


def write_brat(named: Iterable[tuple[str, "Annotation"]], folder: Path) -> None:
    """Write the text and the standoff annotation of each document, named by its id as far as a file can be."""
    folder.mkdir()
    taken: Counter[str] = Counter()
    for name, annotation in named:
        stem = free_stem(name, taken)
        (folder / f"{stem}.txt").write_bytes(encodable(annotation.text).encode("utf-8"))
        (folder / f"{stem}.ann").write_text("".join(_brat_lines(annotation)), encoding="utf-8")


def free_stem(name: str, taken: Counter[str]) -> str:
    """Return a file name without its suffix for an id, none of those taken; upper and lower case count as the same.

    Args:
        name: The id.
        taken: How often each name, in lower case, has been asked for; counts this call too.
    """
    plain = re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", encodable(name).removesuffix(".txt").strip("/."))
    parted = re.sub(r"[/\\]", "__", plain).encode("utf-8")
    stem = free = parted[:_STEM_BYTES].decode("utf-8", "ignore") or "text"
    while free.lower() in taken:
        taken[stem.lower()] += 1
        free = f"{stem}-{taken[stem.lower()]}"
    taken[free.lower()] = 1
    return free


def _brat_lines(annotation: "Annotation") -> Iterator[str]:
    """Yield text-bound annotations, their assertions as attributes, and relations between them."""
    numbers = {entity: f"T{number}" for number, entity in enumerate(annotation.entities, start=1)}
    for entity, number in numbers.items():
        yield f"{number}\t{_brat_name(entity.label)} {_brat_span(entity)}\n"
    asserted = [(number, entity.assertion) for entity, number in numbers.items() if entity.assertion]
    for index, (number, assertion) in enumerate(asserted, start=1):
        yield f"A{index}\tAssertion {number} {assertion}\n"
    for index, relation in enumerate(annotation.relations, start=1):
        ends = f"Arg1:{numbers[relation.head]} Arg2:{numbers[relation.tail]}"
        yield f"R{index}\t{_brat_name(relation.label)} {ends}\n"


def _brat_span(entity: Entity) -> str:
    """Return offsets and text; BRAT writes a span over several lines as one fragment a line."""
    fragments = [match.span() for match in re.finditer(r"[^\r\n\t]+", entity.text)]
    offsets = ";".join(f"{entity.start + start} {entity.start + end}" for start, end in fragments)
    return f"{offsets}\t{' '.join(encodable(entity.text[start:end]) for start, end in fragments)}"


def _brat_name(label: str) -> str:
    """Return a label as a BRAT type, which holds no blanks."""
    return re.sub(r"\s+", "_", label)
