"""Whether a premise entails a hypothesis, contradicts it, or neither; both may be long.

The premise is read in windows, each beside the whole hypothesis; a hypothesis that is longer than half the window, and
than what the premise leaves of it, is read in parts too, each beside every window of the premise. ``pooling`` puts the
windows of the premise together: ``decisive`` (default) takes the one that is surest of anything but ``neutral`` or
``not_entailment``, since a window that does not speak of the matter should not outvote the one that does; ``mean``,
``max`` and ``first`` are those of classification. The parts of a hypothesis are averaged: it is entailed as far as its
parts are.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..documents import Reader
from ..errors import NlpieError
from ._classes import Pooling, class_supervision, classify, pool, reduce_to_probabilities
from ._task import SEQUENCES, Head, Plan, Row, Task

_INPUTS = ("premise", "hypothesis")
_NEUTRAL = ("neutral", "not_entailment")


@dataclass(frozen=True)
class NliOptions:
    """See the module."""

    pooling: Pooling = "decisive"


def _plan(row: Row, reader: Reader, options: NliOptions) -> Plan:
    if not row["hypothesis"].strip():
        raise NlpieError("the hypothesis is empty; nli needs a statement to test against the premise")
    room = reader.window - 3
    encoding = reader.encoder.encode(row["premise"])
    hypothesis = reader.read(row["hypothesis"], max(room // 2, room - max(2, len(encoding))))
    premise = reader.read(encoding, room - max(map(len, hypothesis.ids)))
    passages = [reader.passage(first, second) for second in hypothesis.ids for first in premise.ids]
    coverage = replace(
        premise.coverage,
        tokens=len(premise.encoding) + len(hypothesis.encoding),
        windows=len(passages),
        truncated=premise.truncated or hypothesis.truncated,
    )
    return Plan(row["premise"], passages, coverage, (premise.decided, hypothesis.decided))


def _finish(plan: Plan, parts: list[np.ndarray], head: Head, options: NliOptions) -> dict[str, Any]:
    premise, hypothesis = plan.reading
    neutral = next((index for index, label in enumerate(head.labels) if label.lower() in _NEUTRAL), None)
    windows = np.stack(parts).reshape(len(hypothesis), len(premise), -1)
    pooled = np.stack([pool(each, premise, options.pooling, neutral) for each in windows])
    return {"classification": classify(np.average(pooled, axis=0, weights=hypothesis), head, options.pooling)}


TASK = Task(
    name="nli",
    aliases=("natural-language-inference", "text-pair-classification"),
    summary="whether a premise entails a hypothesis",
    auto_class=SEQUENCES,
    gives="classification",
    output="logits",
    plan=_plan,
    reduce=reduce_to_probabilities,
    finish=_finish,
    inputs=_INPUTS,
    options=NliOptions,
    supervision=class_supervision("accuracy", _INPUTS, independent=False),
)
