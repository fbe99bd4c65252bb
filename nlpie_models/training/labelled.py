"""A labelled data set, read for a task: what a fine-tuning learns from and is chosen by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.labels import LabelMap
from ..data.rows import find_split, read_rows
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
        return HeadPlan(self.task, self.labels, self.multi_label, window, self.options)

    def training_examples(self, reader: Reader) -> list[dict[str, Any]]:
        """Return the examples of the training rows."""
        return list(make_examples(self.task, self._plans(self.train.rows, reader), self.train.golds, self.labels))

    def validation_plans(self, reader: Reader, head: Head) -> Validation:
        """Return the validation rows, ready to be annotated."""
        options = self.task.read_options(self.options)
        return Validation(self.task, self._plans(self.validation.rows, reader), self.validation.golds, head, options)

    def _plans(self, rows: Sequence[Row], reader: Reader) -> list[Plan]:
        options = self.task.read_options(self.options)
        return [self.task.plan(row, reader, options) for row in rows]


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


def read_unlabelled(task: Task, texts: Sequence[str], labels: Sequence[str], reader: Reader) -> list[dict[str, Any]]:
    """Return examples of unlabelled texts, every word with the first label as a place for soft targets."""
    options = task.read_options({})
    plans = [task.plan(task.as_row(text), reader, options) for text in texts]
    return list(make_examples(task, plans, [()] * len(plans), labels))
