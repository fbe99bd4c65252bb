"""Tables that have a row in each module of a package, so that a new file adds a row."""

import importlib
import pkgutil
from typing import Any, Generic, Protocol, TypeVar

from ..errors import UnknownName


class Named(Protocol):
    """A row with a name. If it has ``aliases`` too, it is also found by these."""

    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


class ModuleTable(Generic[Row]):
    """The rows that the modules of a package expose; a module without one is a helper.

    Args:
        package: Name of the package.
        exposed: Name of the row in its module, such as ``TASK``.
        kind: What an error calls a row, such as ``task``.
    """

    def __init__(self, package: str, exposed: str, kind: str) -> None:
        self._package = package
        self._exposed = exposed
        self._kind = kind

    def rows(self) -> tuple[Row, ...]:
        """Return every row, sorted by name."""
        rows = [row for module in self._modules() if (row := self._row_of(module)) is not None]
        return tuple(sorted(rows, key=lambda row: row.name))

    def get(self, name: str) -> Row:
        """Return the row with this name or alias; if a module has the name, only that module is imported.

        Raises:
            UnknownName: No row has this name; the message suggests the nearest.
        """
        module = name.replace("-", "_")
        row = self._row_of(module) if module in self._modules() else None
        if row is not None and row.name == name:
            return row
        rows = self.rows()
        for row in rows:
            aliases: Any = getattr(row, "aliases", ())
            if name in (row.name, *aliases):
                return row
        raise UnknownName(self._kind, name, [row.name for row in rows])

    def _modules(self) -> list[str]:
        path = importlib.import_module(self._package).__path__
        return [module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")]

    def _row_of(self, module: str) -> Row | None:
        return getattr(importlib.import_module(f"{self._package}.{module}"), self._exposed, None)
