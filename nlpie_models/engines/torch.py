"""The PyTorch engine."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from ..errors import NlpieError


class TorchEngine:
    """Runs windows through a transformers model in eval mode.

    Args:
        model: The model.
        output: Name of the output to return.
        device: Where to run; the model is moved there.

    Raises:
        NlpieError: There is no such device here.
    """

    def __init__(self, model: PreTrainedModel, output: str, *, device: str | torch.device) -> None:
        try:
            self.model = model.eval().to(device)
        except (RuntimeError, AssertionError) as error:
            raise NlpieError(f"cannot run on device {str(device)!r}: {str(error).splitlines()[0]}") from error
        self._output = output
        self._pad = model.config.pad_token_id or 0

    @torch.inference_mode()
    def run(self, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return, for each window of ids (special tokens included), the float32 output (tokens, ...)."""
        longest = max(map(len, windows))
        input_ids = torch.full((len(windows), longest), self._pad, dtype=torch.long)
        attention_mask = torch.zeros((len(windows), longest), dtype=torch.long)
        for row, ids in enumerate(windows):
            input_ids[row, : len(ids)] = torch.as_tensor(ids)
            attention_mask[row, : len(ids)] = 1
        device = self.model.device
        outputs = self.model(input_ids=input_ids.to(device), attention_mask=attention_mask.to(device))
        array = outputs[self._output].float().cpu().numpy()
        return [array[row, : len(ids)] for row, ids in enumerate(windows)]


def default_device() -> torch.device:
    """Return the accelerator if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
