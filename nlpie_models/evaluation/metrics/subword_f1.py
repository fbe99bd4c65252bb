"""F1 of tagged sub-words: the protocol of the published numbers."""

from collections.abc import Sequence
from typing import Any

import datasets

from ...errors import NlpieError
from ...scoring import Outcomes
from ..subwords import count_tags, tag_accuracy
from ._metric import TEXT, OfflineMetric, read_texts, report


class SubwordF1(OfflineMetric):
    """The authors' protocol: seqeval's precision, recall and F1 over tags of sub-words, and the share of right tags.

    It is not the F1 of strict spans, is not comparable with it, and depends on the vocabulary; see
    :mod:`nlpie_models.evaluation.subwords`, which also makes such tags of spans. Tags are read by seqeval in its
    default mode (https://github.com/chakki-works/seqeval, as conlleval): ``I-`` after ``O`` or after another label
    opens a span, and bare ``B`` and ``I``, as BioBERT's data sets have them, are of the label ``_``.
    """

    expected = "the tags of a sequence's sub-words, ['B-problem', 'B-problem', 'I-problem', 'O', ...]"
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
        """Score sequences.

        Args:
            predictions: The predicted tags of each sequence (sequences, sub-words).
            references: The gold ones, as many in each.
            interval: Score whose 95% bootstrap interval over sequences is wanted too, such as ``f1``.
            samples: How often sequences are drawn for it.
            seed: For the draws.

        Returns:
            ``precision``, ``recall``, ``f1`` (micro-averaged), ``macro_f1`` (mean over the labels with a gold span),
            ``accuracy`` (of tags), ``labels``, and ``interval`` (low, high) if asked for.

        Raises:
            NlpieError: A sequence with other numbers of tags, or an interval over no sequences.
            UnknownName: No score is called so.
        """
        for index, (found, gold) in enumerate(zip(predictions, references, strict=True)):
            if len(found) != len(gold):
                raise NlpieError(
                    f"{self.name}: expected as many predicted as gold tags, got {len(found)} and {len(gold)} in "
                    f"sequence {index}"
                )
        outcomes = Outcomes.of([count_tags(*pair) for pair in zip(references, predictions, strict=True)])
        names = ("precision", "recall", "f1", "macro_f1")
        scores = report(outcomes, names, interval=interval, samples=samples, seed=seed)
        return {**scores, "accuracy": tag_accuracy(references, predictions)}
