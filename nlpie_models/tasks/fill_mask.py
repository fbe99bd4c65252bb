"""The most probable pieces at each mask of a text."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..documents import MaskCandidate, MaskPrediction, Reader
from ..errors import NlpieError
from ._task import Head, Plan, Row, Task, decided_rows, plan_text, softmax


@dataclass(frozen=True)
class FillMaskOptions:
    """How many candidates there are for a mask.

    Attributes:
        top_k: Candidates for each mask, at least 1.
    """

    top_k: int = 5


class FillMaskTask(Task):
    """Masked language modelling; the mask token of the checkpoint's tokenizer stands in the text."""

    name = "fill-mask"
    aliases = ("masked-lm",)
    summary = "the most probable pieces at each [MASK]"
    auto_class = "AutoModelForMaskedLM"
    output = "logits"
    field = "masks"
    options = FillMaskOptions
    reads_special_tokens = True
    hub_pipeline = "fill-mask"
    usage = '("She was given [MASK] for pneumonia.").masks[0].candidates'
    sample: ClassVar[Row] = {"text": "She was given aspirin for [MASK] pneumonia."}

    def plan(self, row: Row, reader: Reader, options: FillMaskOptions) -> Plan:
        """Read the text in windows."""
        return plan_text(row["text"], reader)

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
        """Return the probability of each piece at the masks that a window decides (masks, V)."""
        window = plan.reading.windows[index]
        ids = plan.reading.encoding.input_ids[window.decided_start : window.decided_stop]
        return softmax(decided_rows(output, window)[ids == head.mask_token_id])

    def finish(self, plan: Plan, parts: list[np.ndarray], head: Head, options: FillMaskOptions) -> dict[str, Any]:
        """Return the best candidates of each mask.

        Raises:
            NlpieError: The text has no mask.
        """
        masks = []
        encoding = plan.reading.encoding
        positions = np.flatnonzero(encoding.input_ids == head.mask_token_id)
        if not len(positions):
            mask = "" if head.mask_token_id is None else f" {head.pieces(head.mask_token_id)}"
            raise NlpieError(f"fill-mask needs a text with the mask token{mask} in it, and this text has none")
        for position, probabilities in zip(positions, np.concatenate(parts), strict=True):
            best = np.argsort(-probabilities)[: options.top_k]
            candidates = [MaskCandidate(head.pieces(int(index)), float(probabilities[index])) for index in best]
            start, end = encoding.offsets[position]
            masks.append(MaskPrediction(int(start), int(end), candidates))
        return {"masks": masks}


TASK = FillMaskTask()
