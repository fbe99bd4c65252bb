"""Scores of one label a text."""

from collections.abc import Sequence
from typing import Any

from ...scoring import Outcomes, count_labels
from ._metric import TEXT, OfflineMetric, read_text, report


class Classification(OfflineMetric):
    """Accuracy, macro-F1, and precision, recall and F1 per label, of one label a text (or pair)."""

    expected = "a label's name"
    prediction = TEXT

    def read(self, item: Any) -> str:
        return read_text(item)

    def _compute(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        *,
        interval: str | None = None,
        samples: int = 1000,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Score labels.

        Args:
            predictions: The label that each text was given (N,).
            references: The right one (N,).
            interval: Score whose 95% bootstrap interval over texts is wanted too: ``accuracy`` or ``macro_f1``.
            samples: How often texts are drawn for it.
            seed: For the draws.

        Returns:
            ``accuracy`` (which is also the micro-averaged F1), ``macro_f1`` (mean over the labels among the
            references), ``labels``, and ``interval`` (low, high) if asked for.

        Raises:
            UnknownName: No score is called so.
            NlpieError: An interval over no texts.
        """
        outcomes = Outcomes.of([count_labels(*pair) for pair in zip(references, predictions, strict=True)])
        return report(outcomes, ("accuracy", "macro_f1"), interval=interval, samples=samples, seed=seed)
