"""The engines, one module each, found by file name: every one exposes ``ENGINE = EngineKind(...)``.

A module imports its library only when a model is opened, so that listing the engines costs nothing.
"""

from ..errors import NlpieError, UnknownName
from ..util.modules import ModuleTable
from ._engine import Engine, EngineKind

__all__ = ["AUTO", "Engine", "EngineKind", "find_engine", "list_engines"]

AUTO = "auto"
_TABLE = ModuleTable[EngineKind](__name__, "ENGINE", "engine")


def list_engines() -> tuple[EngineKind, ...]:
    """Return every engine, by name."""
    return _TABLE.rows()


def find_engine(name: str) -> EngineKind:
    """Return the engine of this name that is installed; for ``auto``, the fastest.

    Raises:
        UnknownName: No engine is called so.
        NlpieError: It is not installed.
    """
    kinds = list_engines()
    if name == AUTO:
        return max((kind for kind in kinds if kind.is_installed), key=lambda kind: kind.speed)
    kind = next((kind for kind in kinds if kind.name == name), None)
    if kind is None:
        raise UnknownName("engine", name, [AUTO, *(kind.name for kind in kinds)])
    if not kind.is_installed:
        raise NlpieError(
            f"the engine {name} needs {kind.library}, which is not installed; install it, or use engine={AUTO!r}"
        )
    return kind
