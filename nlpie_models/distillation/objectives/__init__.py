"""Distillation objectives, one module each that exposes ``OBJECTIVE``; found by file name."""

from ...module_table import ModuleTable
from ..contract import Objective

_TABLE: ModuleTable[type[Objective]] = ModuleTable(__name__, "OBJECTIVE", "objective")


def list_objectives() -> tuple[type[Objective], ...]:
    """Return every objective's class, by name."""
    return _TABLE.rows()


def get_objective(name: str) -> type[Objective]:
    """Return the objective's class with this name.

    Raises:
        UnknownName: No objective is called so; the message suggests the nearest.
    """
    return _TABLE.get(name)
