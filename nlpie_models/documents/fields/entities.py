"""Entities: labelled spans of the text."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from ..markup import encodable, escape, mark, paint, printable
from ._field import Field, Kind

_TRANSFORMERS_KEYS = {"entity_group": "label", "word": "text"}


@dataclass(frozen=True)
class Entity:
    """A labelled span: ``text[start:end] == entity.text`` always holds, and both ends lie between words.

    Attributes:
        start: First character.
        end: One past the last character.
        label: Entity type, such as ``problem``.
        text: The characters of the span.
        score: Mean over the words of the probability of the predicted tag, 1 for an entity that the caller gave; two
            entities are equal whatever their scores.
        assertion: ``negated``, ``uncertain``, ``historical``, ``family`` or ``conditional`` where assertion was asked
            for and one of them holds.
    """

    start: int
    end: int
    label: str
    text: str
    score: float = field(default=1.0, compare=False)
    assertion: str | None = None

    def __getitem__(self, key: str) -> Any:
        """Answer the keys of transformers' token-classification pipeline as well as the field names."""
        name = _TRANSFORMERS_KEYS.get(key, key)
        if name not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, name)


def entity_columns(prefix: str = "") -> dict[str, Kind]:
    """Return the columns of an entity in a table."""
    kinds: dict[str, Kind] = {
        "start": "whole",
        "end": "whole",
        "label": "text",
        "text": "text",
        "score": "number",
        "assertion": "text",
    }
    return {f"{prefix}{name}": kind for name, kind in kinds.items()}


def entity_row(entity: Entity, prefix: str = "") -> dict[str, Any]:
    """Return an entity as a row of a table."""
    values = {**asdict(entity), "text": encodable(entity.text)}
    return {f"{prefix}{name}": value for name, value in values.items()}


def mark_entity(entity: Entity, content: str, *, named: bool) -> str:
    """Return the HTML mark of an entity.

    Args:
        entity: The entity.
        content: HTML inside the mark.
        named: Whether the label follows the content.
    """
    says = ", ".join([entity.label, *([entity.assertion] if entity.assertion else [])])
    name = f"<small>{escape(says)}</small>" if named else ""
    return mark(content + name, entity.label, f"{says}, score {entity.score:.2f}", entity.assertion)


class EntitiesField(Field[list[Entity]]):
    """Entities by position. In HTML the text itself shows them."""

    columns: ClassVar = entity_columns()
    in_brat = True

    def to_json(self, value: list[Entity]) -> list[dict[str, Any]]:
        """Return each entity by field."""
        return list(map(asdict, value))

    def from_json(self, values: Any) -> list[Entity]:
        """Return the entities."""
        return [Entity(**entity) for entity in values]

    def rows(self, value: list[Entity], characters: int) -> Iterator[dict[str, Any]]:
        """Yield a row for each entity."""
        return map(entity_row, value)

    def to_terminal(self, value: list[Entity]) -> Iterator[str]:
        """Yield a line for each label, with its entities and how often each occurs."""
        by_label: dict[str, Counter[str]] = defaultdict(Counter)
        for entity in value:
            note = f" [{entity.assertion}]" if entity.assertion else ""
            by_label[entity.label][printable(entity.text) + note] += 1
        for label, counts in sorted(by_label.items()):
            entities = ", ".join(text if count == 1 else f"{text} ({count})" for text, count in counts.items())
            yield f"{paint(label, label, bold=True)}  {paint(entities, label)}"
