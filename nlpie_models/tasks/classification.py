"""One label for a text, or several independent ones; a long text is read in windows whose probabilities are pooled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..data.labels import LabelMap
from ..documents import Annotation, Reader
from ..errors import DataError, UnknownName
from ..metrics.counts import best_threshold
from ._pooling import Pooling, classify, pool, probabilities_of
from ._task import SEQUENCES, Head, Plan, Row, Task, plan_text

Labels = str | frozenset[str]


@dataclass(frozen=True)
class ClassificationOptions:
    """How the probabilities of a long text's windows become labels.

    Attributes:
        pooling: ``mean``: mean over the windows, weighted by the tokens that each decides; ``max``: each label's
            highest probability, for labels that a single passage can justify; ``first``: the first window alone;
            ``decisive``: the window that is most confident.
        thresholds: From which probability on an independent label is predicted, by label; 0.5 for the others.
    """

    pooling: Pooling = "mean"
    thresholds: Mapping[str, float] | None = None


class ClassificationTask(Task):
    """Classification of a text. A gold answer is one label, or a frozenset of independent labels."""

    name = "classification"
    aliases = ("text-classification", "sequence-classification", "sentiment-analysis")
    summary = "one label or several for a text of any length"
    auto_class = SEQUENCES
    output = "logits"
    field = "classification"
    options = ClassificationOptions
    metric = "macro_f1"
    labelled_row = "`text`, and `label` or, where a row may have several, `labels`"
    hub_pipeline = "text-classification"
    usage = '("Metastatic adenocarcinoma of the colon").label'
    sample: ClassVar[Row] = {"text": "She was given aspirin for pneumonia."}

    def plan(self, row: Row, reader: Reader, options: ClassificationOptions) -> Plan:
        """Read the text in windows."""
        return plan_text(row["text"], reader)

    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> np.ndarray:
        """Return the probability of each label in a window (C,)."""
        return probabilities_of(output, head)

    def finish(self, plan: Plan, parts: list[np.ndarray], head: Head, options: ClassificationOptions) -> dict[str, Any]:
        """Pool the windows and choose the labels."""
        pooled = pool(np.stack(parts), plan.reading.decided, options.pooling)
        return {"classification": classify(pooled, head, options.pooling, options.thresholds)}

    def check_options(self, options: ClassificationOptions, head: Head) -> None:
        """Refuse thresholds of labels that the head does not have."""
        for label in options.thresholds or ():
            if label not in head.labels:
                raise UnknownName("label in thresholds", label, head.labels)

    def gold_of(self, row: Row, labels: LabelMap) -> Labels:
        """Return the row's ``label``, or its ``labels`` where they are independent."""
        if isinstance(row.get("labels"), list | tuple):
            return frozenset(map(labels.rename, row["labels"]))
        return labels.rename(row["label"])

    def labels_of(self, golds: Sequence[Labels]) -> list[str]:
        """Return every label.

        Raises:
            DataError: Some rows have one label, and some a list of independent ones.
        """
        single = {gold for gold in golds if isinstance(gold, str)}
        sets = [gold for gold in golds if isinstance(gold, frozenset)]
        if single and sets:
            raise DataError("expected `label` (one) in every row or `labels` (a list) in every row, and got both")
        return sorted(single.union(*sets))

    def targets(self, plan: Plan, gold: Labels, labels: Sequence[str]) -> list[np.ndarray]:
        """Return the text's label, or 0 or 1 for each independent label, as the target of every window."""
        if isinstance(gold, str):
            return super().targets(plan, gold, labels)
        return [np.array([float(label in gold) for label in labels], dtype=np.float32)] * len(plan.passages)

    def predicted_of(self, annotation: Annotation) -> Labels:
        """Return the predicted label, or the frozenset of predicted independent labels."""
        predicted = annotation.classified
        return frozenset(predicted.labels) if predicted.multi_label else predicted.labels[0]

    def confidences(self, gold: Labels, annotation: Annotation) -> list[tuple[float, bool]]:
        """Return the probability of the predicted label, or of the presence of each independent one."""
        if isinstance(gold, frozenset):
            return [(score, label in gold) for label, score in annotation.scores.items()]
        return super().confidences(gold, annotation)

    def tuned_options(
        self,
        golds: Sequence[Labels],
        annotate: Callable[..., Sequence[Annotation]],
        options: ClassificationOptions,
    ) -> dict[str, Any]:
        """Return for each independent label the threshold with the best F1."""
        if not isinstance(golds[0], frozenset):
            return {}
        scores = [annotation.scores for annotation in annotate()]
        thresholds = {}
        for label in scores[0]:
            present = [label in gold for gold in golds]
            thresholds[label] = best_threshold([row[label] for row in scores], present, sum(present))
        return {"thresholds": thresholds}


TASK = ClassificationTask()
