"""Tables whose rows are the modules of a package: to add a row, add a file."""

import importlib
import pkgutil
from typing import Any, Generic, Protocol, TypeVar

from .errors import UnknownName


class Named(Protocol):
    """What a row has; ``aliases`` are names that it answers to as well."""

    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


class ModuleTable(Generic[Row]):
    """The rows that a package's modules expose, found by file name; a leading underscore hides a module.

    Args:
        package: Name of the package.
        exposed: What each module calls its row, such as ``TASK``.
        kind: What a row is called in errors.
    """

    def __init__(self, package: str, exposed: str, kind: str) -> None:
        self._package = package
        self._exposed = exposed
        self._kind = kind

    def rows(self) -> tuple[Row, ...]:
        """Return every row, by name."""
        path = importlib.import_module(self._package).__path__
        modules = (module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))
        rows = [getattr(importlib.import_module(f"{self._package}.{name}"), self._exposed) for name in modules]
        return tuple(sorted(rows, key=lambda row: row.name))

    def get(self, name: str) -> Row:
        """Return the row with this name or alias.

        Raises:
            UnknownName: No row is called so; the message suggests the nearest.
        """
        rows = self.rows()
        for row in rows:
            aliases: Any = getattr(row, "aliases", ())
            if name in (row.name, *aliases):
                return row
        raise UnknownName(self._kind, name, [row.name for row in rows])
