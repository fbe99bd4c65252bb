"""The tasks, one module each, found by file name: every module here exposes ``TASK = Task(...)``."""

from ..module_table import ModuleTable
from ._task import SEQUENCES, TOKENS, Head, NoOptions, Plan, Row, Supervision, Task, decided_rows, sigmoid, softmax

__all__ = [
    "SEQUENCES",
    "TOKENS",
    "Head",
    "NoOptions",
    "Plan",
    "Row",
    "Supervision",
    "Task",
    "decided_rows",
    "get_task",
    "list_tasks",
    "sigmoid",
    "softmax",
]

_TABLE = ModuleTable[Task](__name__, "TASK", "task")


def list_tasks() -> tuple[Task, ...]:
    """Return every task, by name."""
    return _TABLE.rows()


def get_task(name: str) -> Task:
    """Return the task with this name or alias (transformers' own names are aliases).

    Raises:
        UnknownName: No task is called so; the message suggests the nearest.
    """
    return _TABLE.get(name)
