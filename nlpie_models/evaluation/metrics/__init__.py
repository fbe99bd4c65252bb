"""Scores as ``evaluate.Metric``: each by itself, without a network, and without a trace on disk.

Example:
    >>> from nlpie_models.evaluation.metrics import get_metric
    >>> found = [[{"start": 0, "end": 5, "label": "problem"}]]
    >>> get_metric("span_f1").compute(predictions=found, references=found)["f1"]
    1.0
"""

from ...errors import UnknownName
from ._metric import OfflineMetric
from .calibration import Calibration
from .classification import Classification
from .multi_label import MultiLabel
from .span_f1 import SpanF1
from .subword_f1 import SubwordF1

__all__ = [
    "METRICS",
    "Calibration",
    "Classification",
    "MultiLabel",
    "OfflineMetric",
    "SpanF1",
    "SubwordF1",
    "get_metric",
]

METRICS: dict[str, type[OfflineMetric]] = {
    "calibration": Calibration,
    "classification": Classification,
    "multi_label": MultiLabel,
    "span_f1": SpanF1,
    "subword_f1": SubwordF1,
}
"""The metrics by name."""


def get_metric(name: str) -> OfflineMetric:
    """Return a metric, ready for ``compute``, or for ``add_batch`` and then ``compute``.

    Raises:
        UnknownName: No metric is called so.
    """
    if name not in METRICS:
        raise UnknownName("metric", name, METRICS)
    return METRICS[name]()
