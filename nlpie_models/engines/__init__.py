"""The engines, one module each, found by file name: every one exposes ``ENGINE = EngineKind(...)``.

A module imports its library only when a model is opened, so that listing the engines costs nothing.
"""

from ..errors import NlpieError, UnknownName
from ..loading.local import LocalCheckpoint
from ..tasks import Task
from ..util.modules import ModuleTable
from ._engine import Engine, EngineKind

__all__ = ["AUTO", "Engine", "EngineKind", "find_engines", "list_engines", "open_engine"]

AUTO = "auto"
_TABLE = ModuleTable[EngineKind](__name__, "ENGINE", "engine")


def list_engines() -> tuple[EngineKind, ...]:
    """Return every engine, by name."""
    return _TABLE.rows()


def find_engines(name: str) -> list[EngineKind]:
    """Return the engine of this name; for ``auto``, all that are installed, the fastest first.

    Raises:
        UnknownName: No engine is called so.
        NlpieError: It is not installed.
    """
    kinds = list_engines()
    if name == AUTO:
        return sorted((kind for kind in kinds if kind.is_installed), key=lambda kind: kind.speed, reverse=True)
    kind = next((kind for kind in kinds if kind.name == name), None)
    if kind is None:
        raise UnknownName("engine", name, [AUTO, *(kind.name for kind in kinds)])
    if not kind.is_installed:
        raise NlpieError(
            f"the engine {name} needs {kind.library}, which is not installed; install it, or use engine={AUTO!r}"
        )
    return [kind]


def open_engine(kinds: list[EngineKind], checkpoint: LocalCheckpoint, task: Task, device: str | None) -> Engine:
    """Open a checkpoint's model for a task by the first of the engines that is ready, or by the only one.

    Args:
        kinds: What :func:`find_engines` returned.
        checkpoint: The files of the checkpoint.
        task: The task.
        device: Device in the engine's words; None for the engine's choice.

    Raises:
        CheckpointError: The model cannot be loaded.
        NlpieError: There is no such device.
    """
    ready = (kind for kind in kinds if len(kinds) == 1 or kind.is_ready(checkpoint, task, device))
    return next(ready).open(checkpoint, task, device)
