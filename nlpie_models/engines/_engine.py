"""What an engine is: one library that runs token windows through a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from ..documents import Passage
from ..loading.local import LocalCheckpoint
from ..tasks import Task


class Engine(Protocol):
    """A checkpoint's model, ready to run."""

    @property
    def device(self) -> str:
        """The device that the model runs on, such as ``cpu`` or ``cuda:0``."""
        ...

    def run(self, passages: Sequence[Passage]) -> list[np.ndarray]:
        """Return the float32 output of each passage: (tokens, ...), or (labels,) of a sequence classifier."""
        ...


@dataclass(frozen=True)
class EngineKind:
    """A row of the table of engines.

    Attributes:
        name: The name that users pass as ``engine=``.
        library: Name of the Python module that it needs; the engine is offered where that is installed.
        speed: Rank by measured speed: ``engine="auto"`` takes the installed engine with the highest.
        open: Loads a checkpoint's model for a task onto a device, in the words of the library, such as ``cuda:1``; None
            is the fastest device of this machine. Raises a CheckpointError if the model cannot be loaded, and an
            NlpieError if there is no such device.
    """

    name: str
    library: str
    speed: int
    open: Callable[[LocalCheckpoint, Task, str | None], Engine]

    @property
    def is_installed(self) -> bool:
        return find_spec(self.library) is not None
