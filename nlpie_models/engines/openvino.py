"""OpenVINO: float32 on the CPU, without torch."""

import tempfile
from pathlib import Path

import numpy as np

from ._engine import EngineKind
from ._graph_engine import Arrays, Compiled, GraphEngine
from .graphs import is_graph_ready, write_weights


class OpenVinoEngine(GraphEngine):
    """Runs passages with OpenVINO."""

    name = "openvino"

    @staticmethod
    def compile(path: Path, tensors: Arrays, output: str, threads: int) -> Compiled:
        import openvino

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        core = openvino.Core()
        core.set_property({"ENABLE_MMAP": False})  # the files are gone when the model runs
        with tempfile.TemporaryDirectory() as folder:
            model = core.read_model(write_weights(path, tensors, Path(folder)))
            compiled = core.compile_model(model, "CPU", settings)

        def compute(inputs: Arrays) -> np.ndarray:
            return compiled.create_infer_request().infer(dict(inputs), share_inputs=True)[output]

        return compute, {port.any_name for port in compiled.inputs}


ENGINE = EngineKind("openvino", library="openvino", speed=2, open=OpenVinoEngine.open, is_ready=is_graph_ready)
