"""The engine of ONNX Runtime: float32 on the CPU, without torch and transformers."""

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import Passage
from ..errors import CheckpointError, NlpieError, first_line
from ..loading.adapters import load_whole_tensors
from ..loading.local import LocalCheckpoint
from ..tasks import Task
from ..util.process import count_threads
from ._engine import EngineKind, cut_outputs, pad_passages
from .graphs import Graph, find_graph, find_or_make_graph

_QUIET = 3  # errors only
_CPU = (None, "cpu")


class OnnxEngine:
    """Runs passages through a checkpoint's graph, with the weights of its own files.

    A copy of the engine, one that is pickled, and a forked process open the graph again; a fork computes in one thread.

    Args:
        checkpoint: The files of the checkpoint.
        task: The task.
        graph: The graph.

    Raises:
        CheckpointError: The weights cannot be loaded, or do not fit the graph.
    """

    name = "onnx"
    device = "cpu"

    def __init__(self, checkpoint: LocalCheckpoint, task: Task, graph: Graph) -> None:
        self._origin = checkpoint, task, graph
        self._pad = checkpoint.config.get("pad_token_id") or 0
        self._open(threads=count_threads())

    def _open(self, threads: int) -> None:
        import onnxruntime

        checkpoint, task, graph = self._origin
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _QUIET
        tensors = load_whole_tensors(checkpoint, task.auto_class, graph.tensors)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(tensor)) for tensor in tensors.values()]
        options.add_external_initializers(list(tensors), values)
        try:
            self._session = onnxruntime.InferenceSession(graph.path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises nothing narrower
            raise CheckpointError(
                f"the weights of {checkpoint.name} do not fit {graph.path}: {first_line(error)}. Copy or download the "
                "checkpoint again, or use engine='torch'"
            ) from error
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._process = os.getpid()

    def run(self, passages: Sequence[Passage]) -> list[np.ndarray]:
        if self._process != os.getpid():  # the threads of a session do not exist in a fork
            self._open(threads=1)
        inputs = pad_passages(passages, self._pad, segments="token_type_ids" in self._inputs)
        _, task, _ = self._origin
        (outputs,) = self._session.run([task.output], inputs)
        return cut_outputs(outputs, passages)

    def __reduce__(self) -> tuple[Any, ...]:
        return OnnxEngine, self._origin


def _open(checkpoint: LocalCheckpoint, task: Task, device: str | None) -> OnnxEngine:
    if device not in _CPU:
        raise NlpieError(f"the engine onnx runs on the cpu, got device {device!r}; leave it out, or use engine='torch'")
    return OnnxEngine(checkpoint, task, find_or_make_graph(checkpoint, task))


def _is_ready(checkpoint: LocalCheckpoint, task: Task, device: str | None) -> bool:
    """Whether the graph is here, and the model is to run on the CPU or nothing faster seems to be here."""
    on_cpu = device == "cpu" or (device is None and not _has_accelerator())
    return on_cpu and find_graph(checkpoint, task) is not None


def _has_accelerator() -> bool:
    """Whether torch would find an accelerator, without asking torch, whose import takes seconds."""
    is_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return is_apple or shutil.which("nvidia-smi") is not None or Path("/dev/kfd").exists()


ENGINE = EngineKind("onnx", library="onnxruntime", speed=1, open=_open, is_ready=_is_ready)
