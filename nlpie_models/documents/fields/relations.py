"""Relations: labelled pairs of entities."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from ..markup import escape, printable, style
from ._field import Field
from .entities import Entity, entity_columns, entity_row, mark_entity


@dataclass(frozen=True)
class Relation:
    """A labelled, directed pair of entities.

    Attributes:
        head: The entity that the relation goes from.
        tail: The entity that it goes to.
        label: Relation type, such as ``treats``.
        score: Probability of the label; two relations are equal whatever their scores.
    """

    head: Entity
    tail: Entity
    label: str
    score: float = field(compare=False)


class RelationsField(Field[list[Relation]]):
    """Relations by position of head and tail."""

    columns: ClassVar = {"label": "text", "score": "number", **entity_columns("head_"), **entity_columns("tail_")}
    in_brat = True

    def to_json(self, value: list[Relation]) -> list[dict[str, Any]]:
        """Return each relation by field, head and tail too."""
        return list(map(asdict, value))

    def from_json(self, values: Any) -> list[Relation]:
        """Return the relations."""
        return [
            Relation(Entity(**relation["head"]), Entity(**relation["tail"]), relation["label"], relation["score"])
            for relation in values
        ]

    def rows(self, value: list[Relation], characters: int) -> Iterator[dict[str, Any]]:
        """Yield a row for each relation."""
        for relation in value:
            ends = entity_row(relation.head, "head_") | entity_row(relation.tail, "tail_")
            yield {"label": relation.label, "score": relation.score, **ends}

    def to_html(self, value: list[Relation]) -> str:
        """Return a table of heads, labels and tails."""
        lines = "".join(
            f"<tr><td>{mark_entity(relation.head, escape(relation.head.text), named=True)}</td>"
            f"<th>{escape(relation.label)} \N{RIGHTWARDS ARROW}</th>"
            f"<td>{mark_entity(relation.tail, escape(relation.tail.text), named=True)}</td>"
            f"<td>{relation.score:.2f}</td></tr>"
            for relation in value
        )
        return f"<table>{lines}</table>" if lines else ""

    def to_terminal(self, value: list[Relation]) -> Iterator[str]:
        """Yield a line for each relation."""
        for relation in value:
            head, tail = printable(relation.head.text), printable(relation.tail.text)
            yield f"{head} -- {style(relation.label, bold=True)} {relation.score:.2f} -> {tail}"
