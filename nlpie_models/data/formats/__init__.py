"""The formats of labelled sources, one module each, found by file name: every one exposes ``FORMAT = Format(...)``."""

import importlib
import pkgutil

from ...errors import UnknownName
from ._format import Format, Prepared, Row, Source, Split

__all__ = ["Format", "Prepared", "Row", "Source", "Split", "get_format", "list_formats"]


def list_formats() -> tuple[Format, ...]:
    """Return every format, by name."""
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    formats = [importlib.import_module(f"{__name__}.{name}").FORMAT for name in modules]
    return tuple(sorted(formats, key=lambda entry: entry.name))


def get_format(name: str) -> Format:
    """Return the format with this name.

    Raises:
        UnknownName: No format is called so; the message suggests the nearest.
    """
    for entry in list_formats():
        if entry.name == name:
            return entry
    raise UnknownName("format", name, [entry.name for entry in list_formats()])
