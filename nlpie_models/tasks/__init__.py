"""The tasks, one module each, found by file name: every module here exposes ``TASK``, an instance of its ``Task``."""

from ._task import (
    SEQUENCES,
    TOKENS,
    Head,
    NoOptions,
    Plan,
    Row,
    Task,
    decided_rows,
    get_task,
    list_tasks,
    plan_text,
    sigmoid,
    softmax,
)

__all__ = [
    "SEQUENCES",
    "TOKENS",
    "Head",
    "NoOptions",
    "Plan",
    "Row",
    "Task",
    "decided_rows",
    "get_task",
    "list_tasks",
    "plan_text",
    "sigmoid",
    "softmax",
]
