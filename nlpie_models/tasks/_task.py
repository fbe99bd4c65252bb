"""What a task is: how it reads and annotates rows, and how models are trained for it and scored."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..data.labels import LabelMap
from ..documents import Annotation, Coverage, Passage, Reader, Window
from ..errors import DataError, NlpieError, UnknownName
from ..metrics.counts import Count, Outcomes, count_labels
from ..util.modules import ModuleTable
from ..util.toml import read_table

Row = Mapping[str, Any]
TOKENS, SEQUENCES = "AutoModelForTokenClassification", "AutoModelForSequenceClassification"
_DEFAULT_LABELS = 2  # how many labels transformers takes for a config that says nothing of them


@dataclass(frozen=True)
class Head:
    """What a task must know of a checkpoint to read the model's outputs.

    Attributes:
        labels: Label of each logit, in order.
        multi_label: Whether the labels are independent of each other.
        mask_token_id: Id of the mask token, if the tokenizer has one.
        pieces: Turns an id of the vocabulary into its piece.
    """

    labels: tuple[str, ...]
    multi_label: bool = False
    mask_token_id: int | None = None
    pieces: Callable[[int], str] = str

    @classmethod
    def of(cls, config: Mapping[str, Any], tokenizer: Any) -> "Head":
        """Return the head that a ``config.json`` describes, with the tokenizer of its checkpoint."""
        labels = labels_of_config(config)
        multi_label = config.get("problem_type") == "multi_label_classification" or len(labels) == 1
        return cls(labels, multi_label, tokenizer.mask_token_id, tokenizer.convert_ids_to_tokens)


def labels_of_config(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the label of each logit that a ``config.json`` states."""
    unnamed = {index: f"LABEL_{index}" for index in range(config.get("num_labels", _DEFAULT_LABELS))}
    names = {int(index): label for index, label in (config.get("id2label") or unnamed).items()}
    return tuple(names[index] for index in range(len(names)))


@dataclass(frozen=True)
class Plan:
    """How one row is read.

    Attributes:
        text: The row's text; of a pair, the premise.
        passages: The inputs of the model.
        coverage: How much of the text the passages hold.
        reading: What the task's ``reduce`` and ``finish`` need besides.
        hypothesis: The second text of a pair.
    """

    text: str
    passages: list[Passage]
    coverage: Coverage
    reading: Any = None
    hypothesis: str | None = None


@dataclass(frozen=True)
class NoOptions:
    """The options of a task that has none."""


class Task(ABC):
    """How one task turns rows into passages, and a model's outputs for the passages into annotations.

    A task is a module of this package with a subclass and one instance of it, ``TASK``. ``plan``, ``reduce`` and
    ``finish`` annotate a row. For a task with a ``metric``, models can also be trained and scored, by the methods from
    ``expand`` on; as they stand here, a row has one label, which the annotation's classification predicts.

    Attributes:
        name: The name that users give.
        aliases: Other names for it, such as that of transformers' pipeline.
        summary: One line for the help.
        auto_class: transformers' Auto class of the models that serve the task.
        head_of: The task whose head it reads as well as that task does; empty if it has its own.
        output: The model output that ``reduce`` reads, an array (passages, ...).
        field: The main field of the ``Annotation`` that ``finish`` fills.
        inputs: The texts of a row, in the order in which a call takes them.
        optional_inputs: What else a row may hold for the task.
        options: Dataclass of the options that a caller may set; a checkpoint's config may hold other defaults.
        metric: Name of the score by which trainings and options are chosen and checkpoints compared; empty for a task
            without gold answers.
        labelled_row: The layout of a labelled row, for error messages and cards of data sets.
        reads_special_tokens: Whether ``[MASK]`` in a text is the mask token and not four letters in brackets.
        hub_pipeline: The Hub's name for the task, the ``pipeline_tag`` of a model card.
        usage: The example of a model card: what follows ``load_clinical(...)`` in it.
        sample: A row that shows whether a checkpoint works, for the checks before a release.
    """

    name: str
    aliases: tuple[str, ...] = ()
    summary: str
    auto_class: str
    head_of: str = ""
    output: str
    field: str
    inputs: tuple[str, ...] = ("text",)
    optional_inputs: tuple[str, ...] = ()
    options: type = NoOptions
    metric: str = ""
    labelled_row: str = "its texts, and `label`"
    reads_special_tokens: bool = False
    hub_pipeline: str
    usage: str
    sample: ClassVar[Row]

    @abstractmethod
    def plan(self, row: Row, reader: Reader, options: Any) -> Plan:
        """Return how a row is read.

        Raises:
            NlpieError: The row cannot be read, or is too long and the reader is to refuse that.
        """

    @abstractmethod
    def reduce(self, plan: Plan, index: int, output: np.ndarray, head: Head) -> Any:
        """Cut the model's output for one passage down to what ``finish`` needs, so that many rows fit into memory.

        Args:
            plan: The plan of the passage's row.
            index: Which passage of the plan it is.
            output: The output, without padding: (L, ...) for tokens, (C,) for labels of the passage.
            head: The checkpoint's head.
        """

    @abstractmethod
    def finish(self, plan: Plan, parts: list[Any], head: Head, options: Any) -> dict[str, Any]:
        """Return the fields of a row's ``Annotation``, the main one last.

        Args:
            plan: The row's plan.
            parts: What ``reduce`` returned for each passage.
            head: The checkpoint's head.
            options: The task's options.

        Raises:
            NlpieError: The row does not suit the task.
        """

    def annotate(self, plan: Plan, parts: list[Any], head: Head, options: Any) -> Annotation:
        """Return a row's annotation; see :meth:`finish`."""
        fields = self.finish(plan, parts, head, options)
        return Annotation(plan.text, plan.coverage, tuple(fields), plan.hypothesis, **fields)

    def check_options(self, options: Any, head: Head) -> None:  # noqa: B027
        """Refuse options that do not suit the checkpoint's head.

        Raises:
            NlpieError: They do not.
        """

    def check_row(self, row: Row, options: Any) -> None:  # noqa: B027
        """Refuse a row of a caller that could be read, but would have no answer with these options.

        Raises:
            NlpieError: It would have none.
        """

    def reads(self, labels: Sequence[str]) -> bool:
        """Whether a head of the task's kind with these labels of its logits can serve it."""
        return True

    def options_of_folder(self, folder: Path) -> dict[str, Any]:
        """Return the options that files of a checkpoint ask for; those in its ``config.json`` override them."""
        return {}

    def expand(self, row: Row) -> Iterable[Row]:
        """Return the labelled rows that a row of a file stands for: by default the row itself.

        Raises:
            KeyError, TypeError, ValueError: The row is not in the task's layout.
        """
        return (row,)

    def complete(
        self, rows: Sequence[Row], golds: Sequence[Any], options: Mapping[str, Any]
    ) -> tuple[Sequence[Row], Sequence[Any]]:
        """Return training rows and their gold answers with those that they imply: by default none.

        Args:
            rows: The rows.
            golds: Their gold answers.
            options: The options that the task is to have.
        """
        return rows, golds

    def gold_of(self, row: Row, labels: LabelMap) -> Any:
        """Return the gold answer of a row: a label, a frozenset of independent labels, or a tuple of spans.

        Raises:
            KeyError, TypeError, ValueError: The row is not in the task's layout.
        """
        return labels.rename(row["label"])

    def map_row(self, row: Row, labels: LabelMap) -> Row:
        """Return a row with its labels renamed, the gold answer excepted."""
        return row

    def labels_of(self, golds: Sequence[Any]) -> list[str]:
        """Return the label of each logit of a head that is to learn these gold answers."""
        return sorted(set(golds))

    def gold_labels(self, golds: Sequence[Any]) -> set[str]:
        """Return the labels by which gold answers are scored."""
        return set(self.labels_of(golds))

    def predictable_labels(self, labels: Sequence[str]) -> set[str]:
        """Return the labels that a head with these labels of its logits can predict."""
        return set(labels)

    def options_from(self, rows: Sequence[Row], golds: Sequence[Any]) -> dict[str, Any]:
        """Return the options that follow from the training rows, for the checkpoint's config."""
        return {}

    def targets(self, plan: Plan, gold: Any, labels: Sequence[str]) -> list[np.ndarray]:
        """Return the target of each passage of a plan.

        A target is the index of a label (), or 0 or 1 for each independent label (C,), or the index of each token's
        tag, -100 where there is none (L,).
        """
        return [np.array(labels.index(gold))] * len(plan.passages)

    def predicted_of(self, annotation: Annotation) -> Any:
        """Return what an annotation predicts, in the form of a gold answer."""
        return annotation.label

    def confidences(self, gold: Any, annotation: Annotation) -> list[tuple[float, bool]]:
        """Return the confidence of each prediction of an annotation, and whether it is correct."""
        return [(annotation.score, annotation.label == gold)]

    def count(self, gold: Any, predicted: Any) -> Mapping[str, Count]:
        """Count a row's true positives, predictions and gold answers by label; see ``nlpie_models.metrics.counts``."""
        return count_labels(gold, predicted)

    def tuned_options(
        self, golds: Sequence[Any], annotate: Callable[..., Sequence[Annotation]], options: Any
    ) -> dict[str, Any]:
        """Return the options that are best on the validation rows, for the checkpoint's config.

        Args:
            golds: The gold answers of the rows.
            annotate: Returns the rows' annotations; takes options to change as keywords.
            options: The options as they are.
        """
        return {}

    def tfidf_text(self, row: Row) -> str:
        """Return the words of a row that a bag-of-words baseline may use."""
        return "\n".join(row[name] for name in self.inputs)

    def outcomes(self, golds: Sequence[Any], predictions: Sequence[Any]) -> Outcomes:
        """Return the counts of every row, from which its scores follow."""
        return Outcomes.of([self.count(gold, predicted) for gold, predicted in zip(golds, predictions, strict=True)])

    def supervised(self) -> "Task":
        """Return the task itself, if it has gold answers.

        Raises:
            DataError: It has none.
        """
        if not self.metric:
            raise DataError(f"{self.name} has no gold answers to learn from or to be scored against")
        return self

    def as_row(self, item: Any) -> Row:
        """Return a row of what a caller passes: a row itself, one text, or a tuple of texts in the order of ``inputs``.

        Raises:
            NlpieError: It is something else, or a text is missing.
        """
        if isinstance(item, Mapping):
            row: Row = item
        elif isinstance(item, tuple):
            if len(item) > len(self.inputs):
                raise NlpieError(f"{self.name} takes {' and '.join(self.inputs)}, got {len(item)} values")
            row = dict(zip(self.inputs, item, strict=False))
        else:
            row = {self.inputs[0]: item}
        for name in self.inputs:
            if name not in row:
                raise NlpieError(f"{self.name} needs {' and '.join(self.inputs)}; {name} is missing")
            if not isinstance(row[name], str):
                raise NlpieError(f"expected {name} to be a text (str), got {type(row[name]).__name__}")
        return row

    def read_labelled(self, rows: Iterable[tuple[str, Row]], labels: LabelMap) -> tuple[list[Row], list[Any]]:
        """Return labelled rows and their gold answers.

        Args:
            rows: Rows, each after its file and line, as ``data.rows.read_rows`` yields them; a row may stand for
                several, see :meth:`expand`.
            labels: How labels are renamed.

        Raises:
            DataError: The task has no gold answers, a row is not in the task's layout, or there is no row.
        """
        kept: list[Row] = []
        golds: list[Any] = []
        self.supervised()
        for where, row in rows:
            try:
                parts = [self.map_row(part, labels) for part in self.expand(self.as_row(row))]
                golds += [self.gold_of(part, labels) for part in parts]
            except (KeyError, TypeError, ValueError, NlpieError) as error:
                missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise DataError(
                    f"{where}: not a labelled row for {self.name}: {missing}; such a row holds {self.labelled_row}"
                ) from None
            kept += parts
        if not kept:
            raise DataError(f"there is no row to read for {self.name}")
        return kept, golds

    def read_options(self, values: Mapping[str, Any]) -> Any:
        """Return the options with these values, the others at their defaults.

        Raises:
            UnknownName: No option is called so.
            NlpieError: A value is not of the option's type, or a count is not positive.
        """
        known = [field.name for field in dataclass_fields(self.options)]
        for name in values:
            if name not in known:
                raise UnknownName(f"{self.name} option", name, known)
        options: Any = read_table(self.options, values, f"{self.name} option")
        for name, value in vars(options).items():
            if type(value) is int and value < 1:
                raise NlpieError(f"{self.name} option: {name}: expected a whole number of at least 1, got {value}")
        return options

    def __reduce__(self) -> tuple[Callable[[str], "Task"], tuple[str]]:
        return get_task, (self.name,)


_TABLE = ModuleTable[Task](__package__, "TASK", "task")


def list_tasks() -> tuple[Task, ...]:
    """Return every task, by name."""
    return _TABLE.rows()


def get_task(name: str) -> Task:
    """Return the task with this name or alias; transformers' own task names are aliases.

    Raises:
        UnknownName: No task is called so; the message suggests the nearest.
    """
    return _TABLE.get(name)


def plan_text(text: str, reader: Reader) -> Plan:
    """Return the plan of a text that is read in windows, or in sentences if the reader says so."""
    reading = reader.read(text)
    return Plan(text, [reader.passage(ids) for ids in reading.ids], reading.coverage, reading)


def decided_rows(output: np.ndarray, window: Window) -> np.ndarray:
    """Return the rows of a window's output for the tokens that are decided in it, [CLS] and [SEP] left out."""
    return output[1:-1][window.decided]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities along the last axis, in float32."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return the probability of each logit by itself."""
    return 1.0 / (1.0 + np.exp(-logits))
