"""Engines that run a model's graph on the CPU with the weights of the checkpoint's own files, without torch."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..documents import Passage
from ..errors import CheckpointError, NlpieError, first_line
from ..loading.adapters import load_whole_tensors
from ..loading.local import LocalCheckpoint
from ..tasks import Task
from ..util.process import count_threads
from ._engine import cut_outputs, pad_passages
from .graphs import Graph, find_or_make_graph

Arrays = Mapping[str, np.ndarray]
Compiled = tuple[Callable[[Arrays], np.ndarray], set[str]]


class GraphEngine(ABC):
    """Runs passages through a checkpoint's graph.

    A copy of the engine, one that is pickled, and a forked process open the graph again; a fork computes in one thread.

    Args:
        checkpoint: The files of the checkpoint.
        task: The task.
        graph: The graph.

    Raises:
        CheckpointError: The weights cannot be loaded, or do not fit the graph.
    """

    name: ClassVar[str]
    device = "cpu"

    def __init__(self, checkpoint: LocalCheckpoint, task: Task, graph: Graph) -> None:
        self._origin = checkpoint, task, graph
        self._pad = checkpoint.config.get("pad_token_id") or 0
        self._open(threads=count_threads())

    @classmethod
    def open(cls, checkpoint: LocalCheckpoint, task: Task, device: str | None) -> "GraphEngine":
        """Return the engine of a checkpoint for a task; see :class:`nlpie_models.engines.EngineKind`."""
        if device not in (None, "cpu"):
            raise NlpieError(
                f"the engine {cls.name} runs on the cpu, got device {device!r}; leave it out, or use engine='torch'"
            )
        return cls(checkpoint, task, find_or_make_graph(checkpoint, task))

    @staticmethod
    @abstractmethod
    def compile(path: Path, tensors: Arrays, output: str, threads: int) -> Compiled:
        """Return a function from a model's inputs to one of its outputs, and the names of the inputs.

        Args:
            path: File of the graph.
            tensors: The model's tensors, by name.
            output: Name of the output.
            threads: In how many threads to compute.
        """

    def _open(self, threads: int) -> None:
        checkpoint, task, graph = self._origin
        tensors = load_whole_tensors(checkpoint, task.auto_class, graph.tensors)
        try:
            self._compute, self._inputs = self.compile(graph.path, tensors, task.output, threads)
        except Exception as error:  # these libraries raise nothing narrower
            raise CheckpointError(
                f"the weights of {checkpoint.name} do not fit {graph.path}: {first_line(error)}. Copy or download the "
                "checkpoint again, or use engine='torch'"
            ) from error
        self._process = os.getpid()

    def run(self, passages: Sequence[Passage]) -> list[np.ndarray]:
        if self._process != os.getpid():  # the threads that compute do not exist in a fork
            self._open(threads=1)
        inputs = pad_passages(passages, self._pad, segments="token_type_ids" in self._inputs)
        return cut_outputs(self._compute(inputs), passages)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._origin
