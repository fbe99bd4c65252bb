"""What an engine is: one library, in one precision, that runs token windows through a model."""

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
    def name(self) -> str:
        """The name by which users choose the engine."""
        ...

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
        speed: Rank by measured speed: ``engine="auto"`` takes the highest that is ready.
        open: Loads a checkpoint's model for a task onto a device, in the words of the library, such as ``cuda:1``; None
            is the fastest device of this machine. Raises a CheckpointError if the model cannot be loaded, and an
            NlpieError if there is no such device.
        is_ready: Whether ``auto`` may take it for a checkpoint, a task and a device: it has nothing to convert, is at
            home on the device, and loses nothing that matters.
    """

    name: str
    library: str
    speed: int
    open: Callable[[LocalCheckpoint, Task, str | None], Engine]
    is_ready: Callable[[LocalCheckpoint, Task, str | None], bool] = lambda checkpoint, task, device: True

    @property
    def is_installed(self) -> bool:
        return find_spec(self.library) is not None


def pad_passages(passages: Sequence[Passage], pad: int, *, segments: bool) -> dict[str, np.ndarray]:
    """Return the inputs of a model for passages, padded to the longest: each (passages, tokens).

    Args:
        passages: The passages.
        pad: Id of the padding token.
        segments: Whether the model tells segments apart; ``token_type_ids`` are left out if it does not.
    """
    shape = len(passages), max(map(len, passages))
    ids = np.full(shape, pad, dtype=np.int64)
    inputs = {"input_ids": ids, "attention_mask": np.zeros(shape, dtype=np.int64)}
    if segments:
        inputs["token_type_ids"] = np.zeros(shape, dtype=np.int64)
    for index, passage in enumerate(passages):
        ids[index, : len(passage)] = passage.input_ids
        inputs["attention_mask"][index, : len(passage)] = 1
        if segments and passage.token_type_ids is not None:
            inputs["token_type_ids"][index, : len(passage)] = passage.token_type_ids
    return inputs


def cut_outputs(outputs: np.ndarray, passages: Sequence[Passage]) -> list[np.ndarray]:
    """Return the output of each passage without its padding; those of a sequence classifier have none."""
    if outputs.ndim == 2:
        return list(outputs)
    return [output[: len(passage)] for output, passage in zip(outputs, passages, strict=True)]


def takes_segments(config: object) -> bool:
    """Whether a model tells the two segments of a pair apart by ``token_type_ids``; DistilBERT, say, does not."""
    return getattr(config, "type_vocab_size", 0) > 1
