"""One label for a text, or several independent ones; a long text is read in windows whose answers are pooled.

``pooling`` says how: ``mean`` (default: the windows' probabilities, weighted by the tokens that each decides), ``max``
(each label's best window: for labels that a single passage can justify), ``first`` (the first window alone), or
``decisive`` (the window that is surest). ``thresholds`` gives each independent label the probability from which it is
predicted, 0.5 without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..documents import Reader
from ..errors import UnknownName
from ._classes import Pooling, class_supervision, classify, pool, reduce_to_probabilities
from ._task import SEQUENCES, Head, Plan, Row, Task


@dataclass(frozen=True)
class ClassificationOptions:
    """See the module."""

    pooling: Pooling = "mean"
    thresholds: Mapping[str, float] | None = None


def _check(options: ClassificationOptions, head: Head) -> None:
    for label in options.thresholds or ():
        if label not in head.labels:
            raise UnknownName("label in thresholds", label, head.labels)


def _plan(row: Row, reader: Reader, options: ClassificationOptions) -> Plan:
    reading = reader.read(row["text"])
    return Plan(row["text"], [reader.passage(ids) for ids in reading.ids], reading.coverage, reading)


def _finish(plan: Plan, parts: list[np.ndarray], head: Head, options: ClassificationOptions) -> dict[str, Any]:
    pooled = pool(np.stack(parts), plan.reading.decided, options.pooling)
    return {"classification": classify(pooled, head, options.pooling, options.thresholds)}


TASK = Task(
    name="classification",
    aliases=("text-classification", "sequence-classification", "sentiment-analysis"),
    summary="one label or several for a text of any length",
    auto_class=SEQUENCES,
    gives="classification",
    output="logits",
    plan=_plan,
    reduce=reduce_to_probabilities,
    finish=_finish,
    options=ClassificationOptions,
    check=_check,
    supervision=class_supervision("macro_f1", ("text",)),
)
