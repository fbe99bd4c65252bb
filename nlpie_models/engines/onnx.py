"""ONNX Runtime: float32 on the CPU, without torch."""

from pathlib import Path

import numpy as np

from ._engine import EngineKind
from ._graph_engine import Arrays, Compiled, GraphEngine
from .graphs import is_graph_ready

_QUIET = 3  # errors only


class OnnxEngine(GraphEngine):
    """Runs passages with ONNX Runtime."""

    name = "onnx"

    @staticmethod
    def compile(path: Path, tensors: Arrays, output: str, threads: int) -> Compiled:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = _QUIET
        options.enable_mem_pattern = False  # it would keep a plan of the memory for every shape of a batch
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(tensor)) for tensor in tensors.values()]
        options.add_external_initializers(list(tensors), values)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda inputs: session.run([output], inputs)[0], {value.name for value in session.get_inputs()}


ENGINE = EngineKind("onnx", library="onnxruntime", speed=1, open=OnnxEngine.open, is_ready=is_graph_ready)
