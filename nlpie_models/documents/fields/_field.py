"""What a field of an annotation is: how its value is written and shown."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar

Value = TypeVar("Value")
Kind = Literal["text", "whole", "number", "truth", "vector"]


class Field(ABC, Generic[Value]):
    """The forms of one field of an ``Annotation``: in JSON, in a table, in HTML and on a terminal.

    Attributes:
        columns: The columns of the field's table, and the kind of value in each.
        in_brat: Whether BRAT can hold the field.
        above_text: Whether its HTML stands above the text and not below.
    """

    columns: ClassVar[Mapping[str, Kind]]
    in_brat: ClassVar[bool] = False
    above_text: ClassVar[bool] = False

    @property
    def in_csv(self) -> bool:
        """Whether CSV can hold the field's table: it has no column of vectors."""
        return "vector" not in self.columns.values()

    @abstractmethod
    def to_json(self, value: Value) -> Any:
        """Return the value as JSON-ready values."""

    @abstractmethod
    def from_json(self, values: Any) -> Value:
        """Return the value that ``to_json`` turned into these values."""

    @abstractmethod
    def rows(self, value: Value, characters: int) -> Iterator[dict[str, Any]]:
        """Yield the rows of the table, by column.

        Args:
            value: The value.
            characters: Characters of the text that were read.
        """

    def to_html(self, value: Value) -> str:
        """Return what stands beside the text, which shows the entities itself; empty by default."""
        return ""

    def to_terminal(self, value: Value) -> Iterator[str]:
        """Yield lines for a terminal; none by default."""
        yield from ()
