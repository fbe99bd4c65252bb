"""The tasks, one module each, found by file name: every module here exposes ``TASK = Task(...)``."""

import importlib
import pkgutil

from ..errors import UnknownName
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


def list_tasks() -> tuple[Task, ...]:
    """Return every task, by name."""
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    tasks = [importlib.import_module(f"{__name__}.{name}").TASK for name in modules]
    return tuple(sorted(tasks, key=lambda task: task.name))


def get_task(name: str) -> Task:
    """Return the task with this name or alias (transformers' own names are aliases).

    Raises:
        UnknownName: No task is called so; the message suggests the nearest.
    """
    for task in list_tasks():
        if name in (task.name, *task.aliases):
            return task
    raise UnknownName("task", name, [task.name for task in list_tasks()])
