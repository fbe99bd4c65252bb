"""A labelled data set, read for a task: what a fine-tuning learns from and is chosen by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.labels import LabelMap
from ..data.rows import find_split, read_rows
from ..distillation.soft_targets import IGNORED
from ..documents import Reader
from ..errors import DataError
from ..tasks import Head, Plan, Row, Task
from .examples import make_examples
from .finetuning import Validation
from .starting import HeadPlan


@dataclass(frozen=True)
class Labelled:
    """Rows with their gold answers."""

    rows: Sequence[Row]
    golds: Sequence[Any]


@dataclass(frozen=True)
class LabelledData:
    """The training and validation splits of a data set, and the head that they call for.

    Attributes:
        task: The task.
        train: Training rows.
        validation: Validation rows.
        labels: Label of each logit.
        multi_label: Whether the labels are independent of each other.
        options: The task's options that follow from the training rows, or were given.
    """

    task: Task
    train: Labelled
    validation: Labelled
    labels: Sequence[str]
    multi_label: bool
    options: Mapping[str, Any]

    def head(self, window: int) -> HeadPlan:
        """Return the head that a model needs, to be used with windows of this many tokens."""
        golds = self.train.golds
        shares = (
            [sum(label in gold for gold in golds) / len(golds) for label in self.labels] if self.multi_label else ()
        )
        return HeadPlan(self.task, self.labels, self.multi_label, window, self.options, shares)

    def training_examples(self, reader: Reader, **options: Any) -> list[dict[str, Any]]:
        """Return the examples of the training rows, read with these options in the place of ``self.options``.

        Those of blank rows, which teach nothing, are left out.
        """
        return self._examples(self.train.rows, self.train.golds, reader, options)

    def unlabelled_examples(self, texts: Iterable[str], reader: Reader, **options: Any) -> list[dict[str, Any]]:
        """Return examples of texts for soft targets: every word has the first label, as a place for them."""
        rows = list(map(self.task.as_row, texts))
        return self._examples(rows, [()] * len(rows), reader, options)

    def validation_plans(self, reader: Reader, head: Head) -> Validation:
        """Return the validation rows, ready to be annotated."""
        options = self.task.read_options(self.options)
        return Validation(
            self.task, self._plans(self.validation.rows, reader, {}), self.validation.golds, head, options
        )

    def _examples(
        self, rows: Sequence[Row], golds: Sequence[Any], reader: Reader, options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        examples = make_examples(self.task, self._plans(rows, reader, options), golds, self.labels)
        return [example for example in examples if np.any(np.asarray(example["labels"]) != IGNORED)]

    def _plans(self, rows: Sequence[Row], reader: Reader, options: Mapping[str, Any]) -> list[Plan]:
        chosen = self.task.read_options({**self.options, **options})
        return [self.task.plan(row, reader, chosen) for row in rows]


def read_labelled_data(
    task: Task, folder: Path, label_map: LabelMap, options: Mapping[str, Any] | None = None
) -> LabelledData:
    """Read ``train`` and ``validation`` of a folder for a task.

    Args:
        task: The task.
        folder: Folder of the data set.
        label_map: How labels are renamed.
        options: The task's options, in the place of those that follow from the rows.

    Raises:
        DataError: A split is missing or not in its layout, or validation has a label that training lacks.
        NlpieError: Options that the task does not have.
    """
    train, validation = (
        Labelled(*task.read_labelled(read_rows(find_split(folder, split)), label_map))
        for split in ("train", "validation")
    )
    supervision = task.supervised()
    labels = supervision.labels(train.golds)
    strange = sorted(set(supervision.labels(validation.golds)) - set(labels))
    if strange:
        raise DataError(f"{folder}: validation has labels that train lacks: {', '.join(strange)}")
    chosen = {**supervision.options(train.rows, train.golds), **(options or {})}
    task.read_options(chosen)
    return LabelledData(task, train, validation, labels, isinstance(train.golds[0], frozenset), chosen)
