"""The PyTorch engine: any checkpoint, on a CPU or an accelerator, in float32."""

import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..documents import Passage
from ..errors import NlpieError, first_line
from ..loading.local import LocalCheckpoint
from ..tasks import Task
from ._engine import EngineKind, cut_outputs, pad_passages, takes_segments

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class TorchEngine:
    """Runs passages through a transformers model in evaluation mode.

    Args:
        model: The model; it is moved to the device.
        output: Name of the model's output to return.
        device: Where to run.

    Raises:
        NlpieError: There is no such device here.
    """

    name = "torch"

    def __init__(self, model: "PreTrainedModel", output: str, *, device: "str | torch.device") -> None:
        try:
            self.model = model.eval().to(device)
        except (RuntimeError, AssertionError) as error:
            raise NlpieError(f"cannot run on device {str(device)!r}: {first_line(error)}") from error
        self._output = output
        self._pad = model.config.pad_token_id or 0
        self._has_segments = takes_segments(model.config)
        _survive_forks()

    @property
    def device(self) -> str:
        return str(self.model.device)

    def run(self, passages: Sequence[Passage]) -> list[np.ndarray]:
        import torch

        segments = self._has_segments and passages[0].token_type_ids is not None
        inputs = pad_passages(passages, self._pad, segments=segments)
        batch = {name: torch.from_numpy(rows).to(self.model.device) for name, rows in inputs.items()}
        with torch.inference_mode():
            outputs = self.model(**batch)[self._output].float().cpu().numpy()
        return cut_outputs(outputs, passages)


def default_device() -> "torch.device":
    """Return the accelerator if there is one, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@cache
def _survive_forks() -> None:
    """Let forked processes compute in one thread each: torch's pool of threads does not exist in them."""
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def _open(checkpoint: LocalCheckpoint, task: Task, device: str | None) -> TorchEngine:
    from ..loading.adapters import load_whole_model

    model: Any = load_whole_model(checkpoint, task.auto_class)
    return TorchEngine(model, task.output, device=device or default_device())


ENGINE = EngineKind("torch", library="torch", speed=0, open=_open)
