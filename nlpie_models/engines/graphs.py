"""Models as ONNX graphs without weights, some tens of kilobytes each.

A graph names the tensors of the model that it computes, and whoever opens it supplies them from the checkpoint's own
files. It lies beside those, as ``onnx/logits.onnx`` or ``onnx/last_hidden_state.onnx`` after the output that it
returns, or is made once and kept in the cache of this machine. A JSON file of the same name lists the tensors, in the
order in which a file of weights holds them.
"""

import contextlib
import hashlib
import json
import logging
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import CheckpointError, NlpieError, first_line
from ..loading.local import LocalCheckpoint
from ..tasks import Task
from ..util.files import one_at_a_time, write_whole
from ._engine import takes_segments

FOLDER = "onnx"
WEIGHTS = "weights.bin"
CACHE_VARIABLE = "NLPIE_MODELS_CACHE"
_LIBRARIES = ("onnx", "onnxscript")
_FORM = 1  # of what is written; another number makes the graphs in the cache anew


@dataclass(frozen=True)
class Graph:
    """The graph of a model, in a file.

    Attributes:
        path: The file.
    """

    path: Path

    @property
    def tensors(self) -> list[str]:
        """Names of the model's tensors that it needs.

        Raises:
            CheckpointError: The file that lists them is missing or damaged.
        """
        path = self.path.with_suffix(".json")
        try:
            return [str(name) for name in json.loads(path.read_text(encoding="utf-8"))["tensors"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"cannot read {path}: {first_line(error)}; remove the folder {path.parent}"
            ) from error


def find_graph(checkpoint: LocalCheckpoint, task: Task) -> Graph | None:
    """Return the graph of a checkpoint's model for a task: the one in its folder, else that in the cache, if any."""
    for folder in (checkpoint.folder / FOLDER, _cached(checkpoint, task)):
        if (path := folder / f"{task.output}.onnx").exists():
            return Graph(path)
    return None


def find_or_make_graph(checkpoint: LocalCheckpoint, task: Task) -> Graph:
    """Return the graph of a checkpoint's model for a task; one that is nowhere yet is made, and kept in the cache.

    Raises:
        NlpieError: A library that makes graphs is not installed, or the model has none.
        CheckpointError: The model cannot be loaded.
    """
    if found := find_graph(checkpoint, task):
        return found
    from ..loading.adapters import load_whole_model

    folder = _cached(checkpoint, task)
    with one_at_a_time(folder):
        if not folder.exists():
            title = f"converting {checkpoint.name} for ONNX Runtime, once"
            with tqdm(total=1, desc=title, unit=" graph", disable=None) as bar, write_whole(folder) as temporary:
                write_graph(load_whole_model(checkpoint, task.auto_class), task.output, temporary)
                bar.update()
    return Graph(folder / f"{task.output}.onnx")


def write_graph(model: Any, output: str, folder: Path) -> None:
    """Write a model as a graph without weights.

    Args:
        model: A transformers model.
        output: Name of the output to return.
        folder: Folder to write into.

    Raises:
        NlpieError: A library that makes graphs is not installed, or the model has no graph.
    """
    if missing := [name for name in _LIBRARIES if find_spec(name) is None]:
        raise NlpieError(
            f"a graph of this checkpoint has to be made first, which needs {' and '.join(missing)}: "
            "pip install 'nlpie-models[onnx]', or use engine='torch'"
        )
    try:
        with _silence():
            proto = _export(model.eval())
    except Exception as error:  # an exporter raises whatever its parts raise
        raise NlpieError(
            f"{type(model).__name__} cannot be converted for ONNX Runtime ({first_line(error)}); use engine='torch'"
        ) from error
    outputs = [value for value in proto.graph.output if value.name == output]
    del proto.graph.output[:]
    proto.graph.output.extend(outputs)
    tensors = _take_weights_out(proto, set(model.state_dict()))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{output}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    listed = json.dumps({"tensors": tensors}, indent=1) + "\n"
    (folder / f"{output}.json").write_text(listed, encoding="utf-8")


def _export(model: Any) -> Any:
    """Return a model as an ONNX protocol buffer for batches of any size and length."""
    import onnx_ir
    import torch
    from transformers.exporters.configs import OnnxConfig
    from transformers.exporters.exporter_onnx import OnnxExporter

    ids = torch.full((2, 16), model.config.pad_token_id or 0)
    inputs: Any = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if takes_segments(model.config):
        inputs["token_type_ids"] = torch.arange(16).ge(8).long().expand(2, 16).contiguous()
    dynamic = torch.export.Dim.DYNAMIC
    axes = {name: {0: dynamic, 1: dynamic} for name in inputs}
    config = OnnxConfig(dynamic=True, dynamic_shapes=axes, optimize=False)  # optimised, weights lose their names
    return onnx_ir.to_proto(OnnxExporter().export(model, inputs, config=config).program)


def _take_weights_out(proto: Any, weights: Container[str]) -> list[str]:
    """Leave of the tensors with these names only their shapes, and no trace of how the graph was made.

    Returns:
        The names of those that were taken out.
    """
    from onnx import TensorProto

    graph = proto.graph
    del proto.metadata_props[:], graph.value_info[:]
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    taken = [tensor for tensor in graph.initializer if tensor.name in weights]
    offset = 0
    for tensor in taken:
        length = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": WEIGHTS, "offset": offset, "length": length}.items():
            tensor.external_data.add(key=key, value=str(value))
        offset += length
    return [tensor.name for tensor in taken]


def write_weights(graph: Path, tensors: Mapping[str, np.ndarray], folder: Path) -> Path:
    """Write a copy of a graph and its weights into a folder, for a library that reads them from a file.

    Args:
        graph: File of the graph.
        tensors: The tensors that it needs, in its order.
        folder: The folder.

    Returns:
        The copy of the graph.
    """
    with (folder / WEIGHTS).open("wb") as file:
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor, dtype=np.float32).data)
    return Path(shutil.copy(graph, folder))


def is_graph_ready(checkpoint: LocalCheckpoint, task: Task, device: str | None) -> bool:
    """Whether a graph is here, and the model is to run on the CPU or nothing faster seems to be here."""
    on_cpu = device == "cpu" or (device is None and not _has_accelerator())
    return on_cpu and find_graph(checkpoint, task) is not None


def _has_accelerator() -> bool:
    """Whether torch would find an accelerator, without asking torch, whose import takes seconds."""
    is_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return is_apple or shutil.which("nvidia-smi") is not None or Path("/dev/kfd").exists()


def _cached(checkpoint: LocalCheckpoint, task: Task) -> Path:
    """Return where the cache keeps the graph: by all that it depends on, which the weights are not part of."""
    depends = [checkpoint.config, task.output, _FORM, version("transformers")]
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:32]
    return _cache() / "graphs" / key


def _cache() -> Path:
    """Return ``$NLPIE_MODELS_CACHE``, else the folder ``nlpie_models`` in ``$XDG_CACHE_HOME`` or in ``~/.cache``."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "nlpie_models"


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what the exporter says of itself from the user."""
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        warnings.simplefilter("ignore")
        disabled = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
