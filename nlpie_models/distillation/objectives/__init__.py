"""Distillation objectives, one module each that exposes its class as ``OBJECTIVE``; found by file name."""

from ...util.modules import ModuleTable
from ._objective import Needs, Objective, Part, Unit

__all__ = ["Needs", "Objective", "Part", "Unit", "get_objective", "list_objectives"]

_TABLE: ModuleTable[type[Objective]] = ModuleTable(__name__, "OBJECTIVE", "objective")


def list_objectives() -> tuple[type[Objective], ...]:
    """Return every objective's class, sorted by name."""
    return _TABLE.rows()


def get_objective(name: str) -> type[Objective]:
    """Return the objective's class with this name.

    Raises:
        UnknownName: No objective has this name; the message suggests the nearest.
    """
    return _TABLE.get(name)
