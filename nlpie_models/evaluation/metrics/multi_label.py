"""Scores of any number of labels a text."""

from collections.abc import Sequence
from typing import Any

import datasets

from ...scoring import Outcomes, count_labels
from ._metric import TEXT, OfflineMetric, read_texts, report


class MultiLabel(OfflineMetric):
    """Micro and macro F1, and precision, recall and F1 per label, of texts with any number of independent labels."""

    expected = "a list of labels' names, perhaps empty"
    prediction = datasets.List(TEXT)

    def read(self, item: Any) -> list[str]:
        return read_texts(item)

    def _compute(
        self,
        predictions: Sequence[Sequence[str]],
        references: Sequence[Sequence[str]],
        *,
        interval: str | None = None,
        samples: int = 1000,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Score sets of labels.

        Args:
            predictions: The labels that each text was given.
            references: The right ones.
            interval: Score whose 95% bootstrap interval over texts is wanted too, such as ``macro_f1``.
            samples: How often texts are drawn for it.
            seed: For the draws.

        Returns:
            ``precision``, ``recall``, ``f1`` (micro-averaged), ``macro_f1`` (mean over the labels among the
            references), ``labels``, and ``interval`` (low, high) if asked for.

        Raises:
            UnknownName: No score is called so.
            NlpieError: An interval over no texts.
        """
        outcomes = Outcomes.of([count_labels(*pair) for pair in zip(references, predictions, strict=True)])
        names = ("precision", "recall", "f1", "macro_f1")
        return report(outcomes, names, interval=interval, samples=samples, seed=seed)
