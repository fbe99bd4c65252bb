"""The ``top_k`` most probable pieces at each mask of a text."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..documents import MaskCandidate, MaskPrediction, Reader
from ..errors import NlpieError
from ._task import Head, Plan, Row, Task, decided_rows, softmax


@dataclass(frozen=True)
class FillMaskOptions:
    """See the module."""

    top_k: int = 5


def _plan(row: Row, reader: Reader, options: FillMaskOptions) -> Plan:
    reading = reader.read(row["text"])
    return Plan(row["text"], [reader.passage(ids) for ids in reading.ids], reading.coverage, reading)


def _reduce(plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
    window = plan.reading.windows[index]
    ids = plan.reading.encoding.input_ids[window.decided_start : window.decided_stop]
    return softmax(decided_rows(output, window)[ids == head.mask_token_id])


def _finish(plan: Plan, parts: list[np.ndarray], head: Head, options: FillMaskOptions) -> dict[str, Any]:
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


TASK = Task(
    name="fill-mask",
    aliases=("masked-lm",),
    summary="the likeliest pieces at each [MASK]",
    auto_class="AutoModelForMaskedLM",
    gives="masks",
    output="logits",
    plan=_plan,
    reduce=_reduce,
    finish=_finish,
    options=FillMaskOptions,
    reads_special_tokens=True,
)
