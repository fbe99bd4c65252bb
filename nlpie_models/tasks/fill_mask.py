"""The most probable pieces at each mask of a text."""

from typing import Any

import numpy as np

from ..documents import Encoding, MaskCandidate, MaskPrediction, Window
from ..errors import NlpieError
from ._task import Head, Task, decided_rows, softmax


def _reduce(encoding: Encoding, window: Window, output: np.ndarray, head: Head) -> np.ndarray:
    ids = encoding.input_ids[window.decided_start : window.decided_stop]
    return softmax(decided_rows(output, window)[ids == head.mask_token_id])


def _finish(
    encoding: Encoding, windows: list[Window], parts: list[np.ndarray], head: Head, *, top_k: int = 5
) -> dict[str, Any]:
    masks = []
    positions = np.flatnonzero(encoding.input_ids == head.mask_token_id)
    if not len(positions):
        mask = "" if head.mask_token_id is None else f" {head.pieces(head.mask_token_id)}"
        raise NlpieError(f"fill-mask needs a text with the mask token{mask} in it, and this text has none")
    for position, probabilities in zip(positions, np.concatenate(parts), strict=True):
        best = np.argsort(-probabilities)[:top_k]
        candidates = [MaskCandidate(head.pieces(int(index)), float(probabilities[index])) for index in best]
        start, end = encoding.offsets[position]
        masks.append(MaskPrediction(int(start), int(end), candidates))
    return {"masks": masks}


TASK = Task(
    name="fill-mask",
    aliases=("masked-lm",),
    summary="the likeliest pieces at each [MASK]",
    auto_class="AutoModelForMaskedLM",
    gives="masks",
    output="logits",
    reduce=_reduce,
    finish=_finish,
    reads_special_tokens=True,
)
