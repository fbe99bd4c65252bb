"""Whether confidences mean what they say."""

from collections.abc import Sequence
from typing import Any

import datasets

from ...calibration import BINS, expected_calibration_error, reliability
from ...errors import NlpieError
from ._metric import OfflineMetric


class Calibration(OfflineMetric):
    """Expected calibration error and the bins of a reliability diagram, from confidences and whether each was right.

    Guo et al., On Calibration of Modern Neural Networks (https://arxiv.org/abs/1706.04599). The diagram is drawn by
    :func:`nlpie_models.evaluation.diagrams.draw_reliability`.
    """

    expected = "the probability of an answer, 0 to 1, or as reference whether it is right"
    prediction = datasets.Value("float64")
    reference = datasets.Value("bool")

    def read(self, item: Any) -> float:
        if not 0 <= item <= 1:
            raise ValueError(f"expected 0 to 1, got {item}")
        return float(item)

    def read_reference(self, item: Any) -> bool:
        if item not in (True, False):
            raise ValueError("expected True or False")
        return bool(item)

    def _compute(self, predictions: Sequence[float], references: Sequence[bool], *, bins: int = BINS) -> dict[str, Any]:
        """Score confidences.

        Args:
            predictions: The probability that each answer was given (N,).
            references: Whether it is right (N,).
            bins: Number of equally wide bins.

        Returns:
            ``ece``; ``accuracy`` and ``confidence``, the means; and ``bins``, each with ``low`` and ``high`` (its
            edges), ``count``, and the means ``confidence`` and ``accuracy`` of what falls in, 0 if nothing does.

        Raises:
            NlpieError: There is no bin.
        """
        if bins < 1:
            raise NlpieError(f"expected at least 1 bin, got {bins}")
        total = max(1, len(predictions))
        rows = enumerate(reliability(predictions, references, bins))
        return {
            "ece": expected_calibration_error(predictions, references, bins),
            "accuracy": sum(references) / total,
            "confidence": sum(predictions) / total,
            "bins": [
                {
                    "low": index / bins,
                    "high": (index + 1) / bins,
                    "count": count,
                    "confidence": confidence,
                    "accuracy": accuracy,
                }
                for index, (count, confidence, accuracy) in rows
            ],
        }
