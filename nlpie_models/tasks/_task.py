"""What a task is: how it reads a row, answers it, and is learnt and scored."""

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.labels import LabelMap
from ..documents import Coverage, Passage, Reader, Window
from ..errors import DataError, NlpieError, UnknownName
from ..scoring import Count, Outcomes

Row = Mapping[str, Any]
TOKENS, SEQUENCES = "AutoModelForTokenClassification", "AutoModelForSequenceClassification"


@dataclass(frozen=True)
class Head:
    """What a task must know of the checkpoint to read its outputs.

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
    def of(cls, config: Any, tokenizer: Any) -> "Head":
        """Return the head of a transformers config and its tokenizer."""
        labels = tuple(config.id2label[index] for index in range(len(config.id2label)))
        multi_label = config.problem_type == "multi_label_classification" or len(labels) == 1
        return cls(labels, multi_label, tokenizer.mask_token_id, tokenizer.convert_ids_to_tokens)


@dataclass(frozen=True)
class Plan:
    """How one row is to be read.

    Attributes:
        text: The row's text; of a pair, the premise.
        passages: What the model is to be run on.
        coverage: What will have been read of the text then.
        reading: What ``reduce`` and ``finish`` need to know besides.
    """

    text: str
    passages: list[Passage]
    coverage: Coverage
    reading: Any = None


@dataclass(frozen=True)
class NoOptions:
    """A task without options."""


@dataclass(frozen=True)
class Supervision:
    """How a task is learnt from labelled rows, and scored.

    Attributes:
        gold: The right answer of a row, a frozenset if labels are independent; takes a map of labels too. KeyError,
            TypeError or ValueError mean a bad row.
        labels: The label of each logit, for gold answers.
        targets: The target of each passage of a plan: labels of its tokens (L,), a label's index, or a float for each
            label (C,).
        answer: What an annotation says, in the form of a gold answer.
        confidences: Of an annotation beside its gold answer: how probable each of its answers was said to be, and
            whether it is right.
        count: Counts, by label, what is right in one answer beside its gold answer; see ``nlpie_models.scoring``.
        metric: Name of the score by which trainings and options are chosen, and checkpoints compared.
        map_row: Renames what a row says beside its gold answer.
        options: Options that follow from the training rows, to be kept in the config.
        tfidf_text: The words of a row that a baseline of words may use, if its answer is about the row as a whole.
        tuned: The options that are best on validation, to be kept in the config, given its gold answers, how to
            annotate it with some options changed, and the options.
    """

    gold: Callable[[Row, LabelMap], Any]
    labels: Callable[[Sequence[Any]], list[str]]
    targets: Callable[[Plan, Any, Sequence[str]], list[np.ndarray]]
    answer: Callable[[Any], Any]
    confidences: Callable[[Any, Any], list[tuple[float, bool]]]
    count: Callable[[Any, Any], Mapping[str, Count]]
    metric: str
    map_row: Callable[[Row, LabelMap], Row] = lambda row, labels: row
    options: Callable[[Sequence[Row], Sequence[Any]], dict[str, Any]] = lambda rows, golds: {}
    tfidf_text: Callable[[Row], str] | None = None
    tuned: Callable[[Sequence[Any], Callable[..., Sequence[Any]], Any], dict[str, Any]] | None = None

    def outcomes(self, golds: Sequence[Any], answers: Sequence[Any]) -> Outcomes:
        """Return the counts of every row, from which its scores follow."""
        return Outcomes.of([self.count(gold, answer) for gold, answer in zip(golds, answers, strict=True)])


@dataclass(frozen=True)
class Task:
    """How one task turns rows into passages, and a model's outputs over them into annotations.

    Attributes:
        name: The name that users give.
        aliases: Other names for it.
        summary: One line for the help.
        auto_class: transformers' Auto class of the model that serves it.
        gives: The field of ``Annotation`` that it is about.
        output: The model output that it reads, an array (passages, ...).
        plan: Turns a row into what the model is to be run on; takes the reader and the options.
        reduce: Cuts the output of one passage down to what ``finish`` needs.
        finish: Turns a row's reduced passages into fields of its ``Annotation``.
        inputs: The texts of a row, in the order in which a call takes them.
        more_inputs: What else a row may hold for the task.
        options: Dataclass of what a caller may choose; a checkpoint's config may hold other defaults.
        check: Raises NlpieError for options that do not suit the checkpoint's head.
        supervision: How it is learnt and scored, if it can be.
        reads_special_tokens: Whether ``[MASK]`` in a text is the token and not four letters in brackets.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    auto_class: str
    gives: str
    output: str
    plan: Callable[[Row, Reader, Any], Plan]
    reduce: Callable[[Plan, int, np.ndarray, Head], Any]
    finish: Callable[[Plan, list[Any], Head, Any], dict[str, Any]]
    inputs: tuple[str, ...] = ("text",)
    more_inputs: tuple[str, ...] = ()
    options: type = NoOptions
    check: Callable[[Any, Head], None] = lambda options, head: None
    supervision: Supervision | None = None
    reads_special_tokens: bool = False

    def as_row(self, item: Any) -> Row:
        """Turn what a caller gives into a row: a row itself, one text, or a tuple of texts in the order of ``inputs``.

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
            rows: Rows with where they stand, as ``data.rows.read_rows`` gives them.
            labels: How labels are renamed.

        Raises:
            DataError: The task cannot be learnt or scored, a row is not in its layout, or there is none.
        """
        kept, golds = [], []
        supervision = self.supervised()
        for where, row in rows:
            try:
                row = supervision.map_row(self.as_row(row), labels)
                golds.append(supervision.gold(row, labels))
            except (KeyError, TypeError, ValueError, NlpieError) as error:
                missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise DataError(f"{where}: not a labelled row for {self.name}: {missing}") from None
            kept.append(row)
        if not kept:
            raise DataError(f"there is no row to read for {self.name}")
        return kept, golds

    def supervised(self) -> Supervision:
        """Return the task's supervision.

        Raises:
            DataError: It has none.
        """
        if self.supervision is None:
            raise DataError(f"{self.name} has no gold answers to learn from or to be scored against")
        return self.supervision

    def read_options(self, values: Mapping[str, Any]) -> Any:
        """Return the options with these values, the others at their defaults.

        Raises:
            UnknownName: No option is called so, or a choice that it does not have.
            NlpieError: A value of the wrong kind.
        """
        known = typing.get_type_hints(self.options)
        for name, value in values.items():
            if name not in known:
                raise UnknownName(f"{self.name} option", name, known)
            _check_value(f"{self.name} option {name}", value, known[name])
        return self.options(**values)


def _check_value(name: str, value: Any, kind: Any) -> None:
    """Refuse a value that is plainly not of an option's type: one type, or one or None, or one, words or None."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if type(None) in arguments:
        first, *others = [argument for argument in arguments if argument is not type(None)]
        if value is not None and not any(value in typing.get_args(other) for other in others):
            _check_value(name, value, first)
    elif origin is Mapping:
        if not isinstance(value, Mapping):
            raise NlpieError(f"{name}: expected a mapping, got {value!r}")
        for key, item in value.items():
            _check_value(f"{name}, a name in it", key, arguments[0])
            _check_value(f"{name}, {key!r}", item, arguments[1])
    elif origin is Sequence:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise NlpieError(f"{name}: expected a list, got {value!r}")
        for item in value:
            _check_value(f"{name}, an item of it", item, arguments[0])
    else:
        _check_single_value(name, value, kind)


def _check_single_value(name: str, value: Any, kind: Any) -> None:
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise UnknownName(name, str(value), map(str, choices))
    elif kind in (bool, str) and type(value) is not kind:
        raise NlpieError(f"{name}: expected a {kind.__name__}, got {value!r}")
    elif kind is int and (type(value) is not int or value < 1):
        raise NlpieError(f"{name}: expected a whole number of at least 1, got {value!r}")
    elif kind is float and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise NlpieError(f"{name}: expected a number, got {value!r}")


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
