"""The tasks, one module each, found by file name: every module here exposes ``TASK = Task(...)``."""

import importlib
import pkgutil
from functools import cache

from ..errors import UnknownName
from ._task import Head, Task, decided_rows, softmax

__all__ = ["Head", "Task", "decided_rows", "get_task", "list_tasks", "softmax"]


@cache
def _tasks() -> dict[str, Task]:
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    tasks = [importlib.import_module(f"{__name__}.{name}").TASK for name in modules]
    return {task.name: task for task in tasks}


def list_tasks() -> tuple[Task, ...]:
    """Return every task, by name."""
    return tuple(task for _, task in sorted(_tasks().items()))


def get_task(name: str) -> Task:
    """Return the task with this name or alias (transformers' own names are aliases).

    Raises:
        UnknownName: No task is called so; the message suggests the nearest.
    """
    for task in list_tasks():
        if name in (task.name, *task.aliases):
            return task
    raise UnknownName("task", name, _tasks())
