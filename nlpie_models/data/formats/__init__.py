"""The formats of labelled sources, one module each, found by file name: every one exposes ``FORMAT = Format(...)``."""

from ...module_table import ModuleTable
from ._format import Format, Prepared, Row, Source, Split

__all__ = ["Format", "Prepared", "Row", "Source", "Split", "get_format", "list_formats"]

_TABLE = ModuleTable[Format](__name__, "FORMAT", "format")


def list_formats() -> tuple[Format, ...]:
    """Return every format, by name."""
    return _TABLE.rows()


def get_format(name: str) -> Format:
    """Return the format with this name.

    Raises:
        UnknownName: No format is called so; the message suggests the nearest.
    """
    return _TABLE.get(name)
