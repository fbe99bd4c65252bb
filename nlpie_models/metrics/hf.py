"""The scores of :mod:`nlpie_models.metrics` as ``evaluate.Metric``, without a network and without files in a cache.

Example:
    >>> from nlpie_models.metrics.hf import SpanF1
    >>> spans = [[{"start": 0, "end": 5, "label": "problem"}]]
    >>> SpanF1().compute(predictions=spans, references=spans)["f1"]
    1.0
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from operator import index
from typing import Any, Literal, get_args

from ..errors import NlpieError, UnknownName
from .counts import Outcomes, Span, count_overlapping_spans, count_spans
from .subwords import count_tags, tag_accuracy

try:
    import datasets
    import evaluate
except ImportError:
    raise NlpieError("the metrics need evaluate; run `pip install nlpie-models[eval]`") from None

Mode = Literal["strict", "relaxed"]
_COUNT = {"strict": count_spans, "relaxed": count_overlapping_spans}
_TEXT = datasets.Value("string")


class _OfflineMetric(evaluate.Metric):
    """A metric that holds predictions and references in memory until ``compute``.

    The base class would make a folder in its cache for every metric and keep what it is given in files there.

    Attributes:
        item: One prediction and one reference, in words.
        feature: The same as a feature of ``datasets``.
    """

    item: str
    feature: Any

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    @abstractmethod
    def read(self, item: Any) -> Any:
        """Return a prediction or a reference as plain values, or raise KeyError, TypeError or ValueError."""

    def add_batch(self, *, predictions: Any = None, references: Any = None, **_: Any) -> None:
        """Add predictions, and as many references in the same order.

        Raises:
            NlpieError: One of the two is missing, their numbers differ, or an item is of another form.
        """
        if predictions is None or references is None:
            raise NlpieError(f"{self.name} needs both predictions and references")
        predictions, references = list(predictions), list(references)
        if len(predictions) != len(references):
            raise NlpieError(
                f"{self.name}: expected as many predictions as references, got {len(predictions)} and {len(references)}"
            )
        super().add_batch(
            predictions=self._read_all("prediction", predictions), references=self._read_all("reference", references)
        )

    def add(self, *, prediction: Any = None, reference: Any = None, **_: Any) -> None:
        """Add one prediction and its reference."""
        self.add_batch(predictions=[prediction], references=[reference])

    def _read_all(self, side: str, items: list[Any]) -> list[Any]:
        values = []
        for number, item in enumerate(items):
            try:
                values.append(self.read(item))
            except (KeyError, TypeError, ValueError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise NlpieError(f"{self.name}: {side} {number} is not {self.item}: {reason}") from None
        return values

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            inputs_description=f"\n\nOne prediction, or reference, is {self.item}.",
            features=datasets.Features({"predictions": self.feature, "references": self.feature}),
        )

    def _build_data_dir(self) -> str:
        """Return no folder, where the base class makes one in its cache."""
        return ""

    def _finalize(self) -> None:
        if self.writer is None:
            raise NlpieError(f"{self.name} has nothing to compute from: give predictions and references")
        super()._finalize()


class SpanF1(_OfflineMetric):
    """Precision, recall and F1 of labelled spans: micro-averaged, macro-averaged, and per label.

    ``strict``: a true positive has the start, the end and the label of a gold span. ``relaxed``: it shares a character
    with a gold span of the same label, the "inexact" match of the i2b2 and n2c2 shared tasks
    (https://doi.org/10.1136/amiajnl-2011-000203). A span that is given twice counts once.
    """

    item = "a document's spans, [{'start': ..., 'end': ..., 'label': ...}, ...] in characters"
    feature = datasets.List({"start": datasets.Value("int64"), "end": datasets.Value("int64"), "label": _TEXT})

    def read(self, item: Any) -> list[dict[str, Any]]:
        """Return spans without the other keys of an entity (its text, its score); ``Entity`` objects are read too."""
        return [_read_span(span) for span in item]

    def _compute(
        self,
        predictions: Sequence[Sequence[Mapping[str, Any]]],
        references: Sequence[Sequence[Mapping[str, Any]]],
        *,
        mode: Mode = "strict",
        interval: str | None = None,
    ) -> dict[str, Any]:
        """Score documents.

        Args:
            predictions: The predicted spans of each document.
            references: The gold spans of each document.
            mode: ``strict`` or ``relaxed``.
            interval: Name of a score whose 95% bootstrap interval over documents is returned too.

        Returns:
            ``precision``, ``recall``, ``f1`` (micro-averaged), ``macro_f1`` (mean over the labels with a gold span),
            ``labels`` with the scores and the counts of each label, and ``interval`` (low, high) if asked for; rounded
            to 4 places, 0 where there is nothing to divide by.

        Raises:
            UnknownName: There is no such mode or score.
            NlpieError: An interval over no documents.
        """
        if mode not in get_args(Mode):
            raise UnknownName("mode", mode, get_args(Mode))
        pairs = zip(map(_spans, references), map(_spans, predictions), strict=True)
        return _report(Outcomes.of([_COUNT[mode](gold, predicted) for gold, predicted in pairs]), interval)


class SubwordF1(_OfflineMetric):
    """The protocol of published numbers: seqeval's precision, recall and F1 over tags of sub-words, and their accuracy.

    It is not the F1 of strict spans, is not comparable with it, and depends on the vocabulary; see
    :mod:`nlpie_models.metrics.subwords`, which makes such tags of spans. Tags are read by seqeval in its default mode
    (https://github.com/chakki-works/seqeval, as conlleval): ``I-`` after ``O`` or after another label opens a span, and
    bare ``B`` and ``I``, as BioBERT's data sets have them, are of the label ``_``.
    """

    item = "the tags of a sequence's sub-words, ['B-problem', 'B-problem', 'I-problem', 'O', ...]"
    feature = datasets.List(_TEXT)

    def read(self, item: Any) -> list[str]:
        if isinstance(item, str) or not isinstance(item, Iterable):
            raise TypeError(f"expected a list, got {type(item).__name__}")
        return list(map(_read_text, item))

    def _compute(
        self, predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]], *, interval: str | None = None
    ) -> dict[str, Any]:
        """Score sequences.

        Args:
            predictions: The predicted tags of each sequence (sequences, sub-words).
            references: The gold tags, as many in each sequence.
            interval: Name of a score whose 95% bootstrap interval over sequences is returned too.

        Returns:
            What ``SpanF1`` returns, and ``accuracy``, the share of tags that are the gold tag.

        Raises:
            NlpieError: A sequence with other numbers of tags, or an interval over no sequences.
            UnknownName: There is no such score.
        """
        for number, (predicted, gold) in enumerate(zip(predictions, references, strict=True)):
            if len(predicted) != len(gold):
                raise NlpieError(
                    f"{self.name}: expected as many predicted as gold tags, got {len(predicted)} and {len(gold)} in "
                    f"sequence {number}"
                )
        outcomes = Outcomes.of(list(map(count_tags, references, predictions)))
        return {**_report(outcomes, interval), "accuracy": tag_accuracy(references, predictions)}


def _report(outcomes: Outcomes, interval: str | None) -> dict[str, Any]:
    names = ("precision", "recall", "f1", "macro_f1")
    scores = outcomes.scores()
    labels = {label: vars(found) for label, found in outcomes.label_scores().items()}
    report = {**{name: scores[name] for name in names}, "labels": labels}
    if interval is None:
        return report
    if interval not in names:
        raise UnknownName("score", interval, names)
    if not len(outcomes.counts):
        raise NlpieError("an interval needs documents to draw from, and there is none")
    return {**report, "interval": outcomes.interval(interval)}


def _read_span(span: Any) -> dict[str, Any]:
    start, end, label = index(span["start"]), index(span["end"]), _read_text(span["label"])
    if not 0 <= start < end:
        raise ValueError(f"expected 0 <= start < end, got {start} and {end}")
    return {"start": start, "end": end, "label": label}


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text (str), got {type(value).__name__}")
    return value


def _spans(document: Sequence[Mapping[str, Any]]) -> list[Span]:
    return [(span["start"], span["end"], span["label"]) for span in document]
