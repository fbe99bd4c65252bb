"""Whether a premise entails a hypothesis, contradicts it, or neither; both may be long.

The premise is read in windows, each beside the whole hypothesis. A hypothesis that is longer than half the window, and
than what the premise leaves of it, is read in parts, each beside every window of the premise. The windows of the
premise are pooled; the parts of the hypothesis are averaged: it is entailed as far as its parts are.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..documents import Reader
from ..errors import NlpieError
from ._pooling import Pooling, classify, pool, probabilities_of
from ._task import SEQUENCES, Head, Plan, Row, Task

_NEUTRAL = ("neutral", "not_entailment")


@dataclass(frozen=True)
class NliOptions:
    """How the probabilities of a long premise's windows become one label.

    Attributes:
        pooling: ``decisive``: the window that is most confident of anything but ``neutral`` or ``not_entailment``,
            since a window that does not speak of the matter should not outvote the one that does; ``mean``, ``max``
            and ``first`` as for classification.
    """

    pooling: Pooling = "decisive"


class NliTask(Task):
    """Natural language inference. A gold answer is one label."""

    name = "nli"
    aliases = ("natural-language-inference", "text-pair-classification")
    summary = "whether a premise entails a hypothesis"
    auto_class = SEQUENCES
    output = "logits"
    field = "classification"
    inputs = ("premise", "hypothesis")
    options = NliOptions
    metric = "accuracy"
    labelled_row = "`premise`, `hypothesis`, `label`"
    hub_pipeline = "text-classification"
    usage = '("How is asthma treated?", "What is the treatment of asthma?").label'
    sample: ClassVar[Row] = {"premise": "She was given aspirin for pneumonia.", "hypothesis": "She has pneumonia."}

    def plan(self, row: Row, reader: Reader, options: NliOptions) -> Plan:
        """Read the premise in windows, beside the hypothesis or each of its parts."""
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
        return Plan(row["premise"], passages, coverage, (premise.decided, hypothesis.decided), row["hypothesis"])

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
        """Return the probability of each label in a passage (C,)."""
        return probabilities_of(output, head)

    def finish(self, plan: Plan, parts: list[np.ndarray], head: Head, options: NliOptions) -> dict[str, Any]:
        """Pool the windows of the premise, and average over the parts of the hypothesis."""
        premise, hypothesis = plan.reading
        neutral = next((index for index, label in enumerate(head.labels) if label.lower() in _NEUTRAL), None)
        windows = np.stack(parts).reshape(len(hypothesis), len(premise), -1)
        pooled = np.stack([pool(part, premise, options.pooling, neutral) for part in windows])
        return {"classification": classify(np.average(pooled, axis=0, weights=hypothesis), head, options.pooling)}


TASK = NliTask()
