"""The PyTorch engine."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from ..documents import Passage
from ..errors import NlpieError


class TorchEngine:
    """Runs passages through a transformers model in eval mode.

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
        self._has_segments = takes_segments(model.config)

    @torch.inference_mode()
    def run(self, passages: Sequence[Passage]) -> list[np.ndarray]:
        """Return the float32 output of each passage: (tokens, ...), or (labels,) of a sequence classifier."""
        batch = {
            "input_ids": self._pad_to_longest([passage.input_ids for passage in passages], self._pad),
            "attention_mask": self._pad_to_longest([np.ones_like(passage.input_ids) for passage in passages], 0),
        }
        if self._has_segments and passages[0].token_type_ids is not None:
            types = [passage.token_type_ids for passage in passages if passage.token_type_ids is not None]
            batch["token_type_ids"] = self._pad_to_longest(types, 0)
        array = self.model(**batch)[self._output].float().cpu().numpy()
        if array.ndim == 2:
            return list(array)
        return [row[: len(passage)] for row, passage in zip(array, passages, strict=True)]

    def _pad_to_longest(self, rows: Sequence[np.ndarray], value: int) -> torch.Tensor:
        padded = torch.full((len(rows), max(map(len, rows))), value, dtype=torch.long)
        for index, row in enumerate(rows):
            padded[index, : len(row)] = torch.as_tensor(row)
        return padded.to(self.model.device)


def takes_segments(config: object) -> bool:
    """Whether a model tells the two segments of a pair apart by ``token_type_ids``; DistilBERT, say, does not."""
    return getattr(config, "type_vocab_size", 0) > 1


def default_device() -> torch.device:
    """Return the accelerator if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
