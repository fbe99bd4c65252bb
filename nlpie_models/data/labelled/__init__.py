"""Formats of labelled data: one module a format or release, found by its file name, with ``FORMAT = Format(...)``."""

from ...util.modules import ModuleTable
from ._format import Format, LabelledSource, PreparedSet, Split

__all__ = ["Format", "LabelledSource", "PreparedSet", "Split", "get_format", "list_formats"]

_TABLE = ModuleTable[Format](__name__, "FORMAT", "format")


def list_formats() -> tuple[Format, ...]:
    """Return every format, by name."""
    return _TABLE.rows()


def get_format(name: str) -> Format:
    """Return the format with this name.

    Raises:
        UnknownName: There is no such format; the message suggests the nearest name.
    """
    return _TABLE.get(name)
