"""Labelled data for fine-tuning: the rows to learn from, and the rows by which the best epoch is chosen."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset

from ..data.augmentation import augment
from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..documents import Annotation, Reader
from ..errors import DataError, NlpieError
from ..recipes import FinetuningArguments
from ..tasks import Head, Plan, Row, Task
from ..util.targets import IGNORED
from .examples import make_examples
from .heads import HeadPlan

_HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class LabelledRows:
    """Rows, and the gold answer of each."""

    rows: Sequence[Row]
    golds: Sequence[Any]


@dataclass(frozen=True)
class LabelledData:
    """The training and validation rows of a data set, and the head that they call for.

    Attributes:
        task: The task.
        train: Training rows.
        validation: Validation rows.
        labels: Label of each logit.
        label_map: How the labels were renamed.
        options: The task's options: those that follow from the training rows, and those that were chosen.
    """

    task: Task
    train: LabelledRows
    validation: LabelledRows
    labels: Sequence[str]
    label_map: LabelMap = field(default_factory=LabelMap)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def multi_label(self) -> bool:
        """Whether the labels are independent of each other."""
        return isinstance(self.train.golds[0], frozenset)

    def head(self, arguments: FinetuningArguments) -> HeadPlan:
        """Return the head that a model needs for this data."""
        golds = self.train.golds
        shares = (
            [sum(label in gold for gold in golds) / len(golds) for label in self.labels] if self.multi_label else ()
        )
        return HeadPlan(
            self.task,
            self.labels,
            self.multi_label,
            arguments.window,
            self.options,
            shares,
            arguments.classifier_pooling,
        )

    def augmented(self, copies: int, seed: int) -> "LabelledData":
        """Return the data with altered copies of each training row; see :mod:`nlpie_models.data.augmentation`.

        Args:
            copies: How many of each.
            seed: Seed of what is altered.
        """
        rng, field = random.Random(seed), self.task.inputs[0]
        rows, golds = list(self.train.rows), list(self.train.golds)
        for row, gold in zip(self.train.rows, self.train.golds, strict=True):
            for _ in range(copies):
                text, spans = augment(row[field], gold, rng)
                rows.append(self.task.as_row(text))
                golds.append(spans)
        return replace(self, train=LabelledRows(rows, golds))

    def check_labels(self, where: str) -> None:
        """Refuse rows of which all have one label, and validation rows with labels that the head does not have.

        Raises:
            DataError: There are some; says where.
        """
        if unexpected := sorted(set(self.task.labels_of(self.validation.golds)) - set(self.labels)):
            raise DataError(f"{where}: validation has labels that train lacks: {', '.join(unexpected)}")
        if len(self.labels) < 2 and not self.multi_label:
            raise DataError(f"{where}: expected two labels at least to tell apart, got only {', '.join(self.labels)}")

    def training_examples(self, reader: Reader, **options: Any) -> list[dict[str, Any]]:
        """Return the examples of the training rows and of those that they imply.

        They are read with these options in place of ``self.options``. Examples of blank rows, which teach nothing, are
        left out.
        """
        rows, golds = self.task.complete(self.train.rows, self.train.golds, self.options)
        return self._examples(rows, golds, reader, options)

    def unlabelled_examples(self, texts: Iterable[str], reader: Reader, **options: Any) -> list[dict[str, Any]]:
        """Return examples of texts for soft targets: every word has the first label, as a place for them."""
        rows = list(map(self.task.as_row, texts))
        return self._examples(rows, [()] * len(rows), reader, options)

    def validation_rows(self, reader: Reader, head: Head) -> "Validation":
        """Return the validation rows, ready to be annotated."""
        plans = self._plans(self.validation.rows, reader, {})
        return Validation(self.task, self.validation, plans, head, self.task.read_options(self.options))

    def _examples(
        self, rows: Sequence[Row], golds: Sequence[Any], reader: Reader, options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        examples = make_examples(self.task, self._plans(rows, reader, options), golds, self.labels)
        return [example for example in examples if np.any(np.asarray(example["labels"]) != IGNORED)]

    def _plans(self, rows: Sequence[Row], reader: Reader, options: Mapping[str, Any]) -> list[Plan]:
        chosen = self.task.read_options({**self.options, **options})
        return [self.task.plan(row, reader, chosen) for row in rows]


def read_labelled_data(task: Task, folder: Path, arguments: FinetuningArguments) -> LabelledData:
    """Read ``train`` and ``validation`` of a folder for a task.

    Args:
        task: The task.
        folder: Folder of the data set.
        arguments: Say how labels are renamed, and which options the task is to have.

    Raises:
        DataError: A split is missing or not in the task's layout, or validation has a label that training lacks.
        NlpieError: Options that the task does not have.
    """
    label_map = read_label_maps(arguments)
    train, validation = (
        LabelledRows(*task.read_labelled(read_rows(find_split(folder, split)), label_map))
        for split in ("train", "validation")
    )
    labels = task.labels_of(train.golds)
    data = LabelledData(task, train, validation, labels, label_map, choose_options(task, train, arguments))
    data.check_labels(str(folder))
    return data


def take_labelled_data(task: Task, rows: Any, validation: Any, arguments: FinetuningArguments) -> LabelledData:
    """Return labelled data for a task from rows in memory.

    Args:
        task: The task.
        rows: Rows of a list, a ``datasets.Dataset``, or a pandas or polars data frame.
        validation: The same, for validation; None to hold out a tenth of the texts.
        arguments: Say how labels are renamed, and which options the task is to have.

    Raises:
        DataError: A row is not in the task's layout, or there are too few rows to hold some out.
        NlpieError: Options that the task does not have.
    """
    label_map = read_label_maps(arguments)
    train = LabelledRows(*task.read_labelled(_number_rows(rows, "row"), label_map))
    golds = train.golds
    if validation is None:
        train, held_out = hold_out(train, task, share=_HELD_OUT_SHARE, seed=arguments.seed)
    else:
        held_out = LabelledRows(*task.read_labelled(_number_rows(validation, "validation row"), label_map))
    data = LabelledData(task, train, held_out, task.labels_of(golds), label_map, choose_options(task, train, arguments))
    data.check_labels("the rows for validation")
    return data


def _number_rows(rows: Any, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the rows of a table, each with its number, as plain Python values."""
    if hasattr(rows, "to_dicts"):  # polars
        rows = rows.to_dicts()
    elif hasattr(rows, "columns") and hasattr(rows, "to_dict"):  # pandas
        rows = rows.to_dict("records")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise NlpieError(f"{name} {number}: expected a mapping, got {type(row).__name__}")
        yield f"{name} {number}", {key: _plain(value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def hold_out(rows: LabelledRows, task: Task, *, share: float, seed: int) -> tuple[LabelledRows, LabelledRows]:
    """Split rows into training and validation rows; rows of one text stay together.

    Args:
        rows: The rows.
        task: The task.
        share: Share of the texts for validation.
        seed: Seed of the draw.

    Raises:
        DataError: All rows have one text.
    """
    texts = list(dict.fromkeys(row[task.inputs[0]] for row in rows.rows))
    if len(texts) < 2:
        raise DataError("expected rows of two texts at least, of which one is held out; or give rows for validation")
    drawn = set(random.Random(seed).sample(texts, max(1, round(share * len(texts)))))

    def take(held_out: bool) -> LabelledRows:
        pairs = zip(rows.rows, rows.golds, strict=True)
        kept = [pair for pair in pairs if (pair[0][task.inputs[0]] in drawn) is held_out]
        return LabelledRows([row for row, _ in kept], [gold for _, gold in kept])

    return take(False), take(True)


def read_label_maps(arguments: FinetuningArguments) -> LabelMap:
    """Return how the labels of the data are renamed, and which of them win where spans overlap.

    Raises:
        DataError: There is no such map.
    """
    names = read_label_map(arguments.label_map) if arguments.label_map else {}
    return LabelMap(names, read_label_map(arguments.prefer_map) if arguments.prefer_map else ())


def choose_options(task: Task, train: LabelledRows, arguments: FinetuningArguments) -> dict[str, Any]:
    """Return the options with which a finished pipeline is to run a task.

    Raises:
        NlpieError: Options that the task does not have.
    """
    reads_units = "unit" in {option.name for option in fields(task.options)}
    unit = {"unit": "window" if arguments.join else arguments.unit} if reads_units else {}
    options = task.options_from(train.rows, train.golds) | unit | arguments.task_options
    task.read_options(options)
    return options


class InOrder(IterableDataset):
    """Examples that the Trainer leaves in their order; a data set that can be indexed is drawn by length."""

    def __init__(self, examples: Sequence[dict[str, Any]]) -> None:
        self._examples = examples

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._examples)


@dataclass(frozen=True)
class Validation:
    """Labelled rows that are read as users will have them read, whole.

    Attributes:
        task: The task.
        labelled: The rows.
        plans: How each row is read.
        head: The model's head.
        options: The task's options.
    """

    task: Task
    labelled: LabelledRows
    plans: Sequence[Plan]
    head: Head
    options: Any

    @cached_property
    def examples(self) -> InOrder:
        """An example for each passage, the longest first, so that batches hold little padding."""
        examples = list(make_examples(self.task, self.plans, self.labelled.golds, self.head.labels))
        return InOrder([examples[index] for index in self._order])

    @cached_property
    def _order(self) -> np.ndarray:
        lengths = [len(passage) for plan in self.plans for passage in plan.passages]
        return np.argsort(lengths, kind="stable")[::-1]

    def tuned(self, outputs: np.ndarray) -> dict[str, Any]:
        """Return the options that are best for these outputs, such as the threshold of each independent label."""
        return self.task.tuned_options(self.labelled.golds, partial(self.annotate, outputs), self.options)

    def annotate(self, outputs: np.ndarray, **tuned: Any) -> list[Annotation]:
        """Return the annotation of each row, given the model's padded output for each of the examples."""
        options = replace(self.options, **tuned)
        annotations, rest = [], iter(outputs[np.argsort(self._order)])
        for plan in self.plans:
            parts = []
            for index, passage in enumerate(plan.passages):
                output = next(rest)
                output = output[: len(passage)] if output.ndim == 2 else output
                parts.append(self.task.reduce(plan, index, output, self.head))
            annotations.append(self.task.annotate(plan, parts, self.head, options))
        return annotations

    def score(self, outputs: np.ndarray) -> dict[str, float]:
        """Return the scores of the annotations with their best options."""
        annotations = self.annotate(outputs, **self.tuned(outputs))
        return self.task.outcomes(self.labelled.golds, list(map(self.task.predicted_of, annotations))).scores()

    def confidences(self, outputs: np.ndarray) -> list[list[tuple[float, bool]]]:
        """Return the confidence of each prediction in a row's annotation, and whether it is correct, row by row."""
        annotations = self.annotate(outputs)
        golds = self.labelled.golds
        return [self.task.confidences(gold, annotation) for gold, annotation in zip(golds, annotations, strict=True)]
