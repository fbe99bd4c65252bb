"""Which checkpoints serve a task, and with which options."""

import os
from dataclasses import fields
from typing import Any

from ..errors import MissingHead, UnknownName
from ..loading.find import find_checkpoint
from ..loading.local import ENCODER, LocalCheckpoint
from ..registry import default_checkpoint, get_checkpoint, list_checkpoints
from . import Task, list_tasks
from ._task import labels_of_config


def find_serving(name: str | os.PathLike[str] | None, task: Task, revision: str | None = None) -> LocalCheckpoint:
    """Find the checkpoint of this name or, if it does not serve the task, the one that its registry row names for it.

    Args:
        name: As :func:`nlpie_models.loading.find.find_checkpoint` takes it.
        task: The task.
        revision: Hub revision in place of the pinned one.

    Raises:
        MissingHead: The checkpoint has a head for another task only, and its row names none for this one.
        UnknownName: Neither a registry name, nor a folder, nor a Hub id.
        CheckpointError: It is not on this machine and cannot be downloaded, or its files are not usable.
    """
    checkpoint = find_checkpoint(_delegate(name, task), revision)
    if not _serves(checkpoint, task):
        served = ", ".join(served_tasks(checkpoint))
        raise MissingHead(f"{checkpoint.name} has no {task.name} head (it serves: {served}). {_who_serves(task)}")
    return checkpoint


def _delegate(name: str | os.PathLike[str] | None, task: Task) -> str | os.PathLike[str] | None:
    """Return this name or, if its checkpoint does not serve the task, the name in the registry row of one that does.

    Args:
        name: What the caller names: a registry name or alias; None for the bundled default. A folder or another name
            is returned as it is.
        task: The task.

    Raises:
        MissingHead: The name is of a registry row that neither serves the task nor names a checkpoint that does.
    """
    if isinstance(name, os.PathLike):
        return name
    try:
        row = default_checkpoint() if name is None else get_checkpoint(name)
    except UnknownName:
        return name
    if task.name in row.tasks:
        return name
    if task.name in row.siblings:
        return row.siblings[task.name]
    raise MissingHead(f"{row.name} has no {task.name} head (it serves: {', '.join(row.tasks)}). {_who_serves(task)}")


def served_tasks(checkpoint: LocalCheckpoint) -> list[str]:
    """Return the names of the tasks that the files of a checkpoint serve."""
    return [task.name for task in list_tasks() if _serves(checkpoint, task)]


def _serves(checkpoint: LocalCheckpoint, task: Task) -> bool:
    """Whether a checkpoint's head is of a task's kind and, where its config names tasks, for this task."""
    if task.auto_class == ENCODER:
        return True
    named = checkpoint.config.get("task_options") or [task.name]
    return (
        task.auto_class == checkpoint.auto_class
        and (task.name in named or task.head_of in named)
        and task.reads(labels_of_config(checkpoint.config))
    )


def _who_serves(task: Task) -> str:
    rows = [row.name for row in list_checkpoints() if task.name in row.tasks and row.status != "planned"]
    return f"Checkpoints that serve {task.name}: {', '.join(rows) or 'none yet'}."


def task_options(checkpoint: LocalCheckpoint, task: Task) -> dict[str, Any]:
    """Return a checkpoint's options for a task, where they are not the task's defaults."""
    kept = checkpoint.config.get("task_options", {})
    known = {field.name for field in fields(task.options)}
    shared = {name: value for name, value in kept.get(task.head_of, {}).items() if name in known}
    return task.options_of_folder(checkpoint.folder) | shared | kept.get(task.name, {})
