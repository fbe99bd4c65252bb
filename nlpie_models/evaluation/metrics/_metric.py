"""What the metrics share: they stay in memory, read plain values, and say what is wrong with others."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import NlpieError, UnknownName
from ...scoring import Outcomes, Scores

try:
    import datasets
    import evaluate
except ImportError:
    raise NlpieError("the metrics need evaluate; run `pip install nlpie-models[eval]`") from None

TEXT = datasets.Value("string")


class OfflineMetric(evaluate.Metric):
    """A metric that fetches nothing and writes nothing: predictions and references wait in memory for ``compute``.

    ``evaluate`` would otherwise make a folder in its cache for every metric, and keep what it is given in files there.
    A subclass gives ``expected`` and ``prediction`` (and ``reference``, where it is something else), and defines
    ``read`` (and ``read_reference``) and ``_compute``.

    Attributes:
        expected: What one prediction and one reference are, in words.
        prediction: The same of a prediction, as a feature of ``datasets``.
        reference: The same of a reference; None if it is as a prediction.
    """

    expected: str
    prediction: Any
    reference: Any = None

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    @abstractmethod
    def read(self, item: Any) -> Any:
        """Return a prediction as plain values; KeyError, TypeError and ValueError mean that it is none."""

    def read_reference(self, item: Any) -> Any:
        """Return a reference as plain values, as ``read`` does a prediction."""
        return self.read(item)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **_: Any) -> None:
        """Add predictions, and as many references in the same order.

        Raises:
            NlpieError: One of the two is missing, their numbers differ, or an item is not what is expected.
        """
        if predictions is None or references is None:
            raise NlpieError(f"{self.name} needs both predictions and references")
        predictions, references = list(predictions), list(references)
        if len(predictions) != len(references):
            raise NlpieError(
                f"{self.name}: expected as many predictions as references, got {len(predictions)} and {len(references)}"
            )
        super().add_batch(
            predictions=self._read_all("prediction", predictions, self.read),
            references=self._read_all("reference", references, self.read_reference),
        )

    def add(self, *, prediction: Any = None, reference: Any = None, **_: Any) -> None:
        """Add one prediction and its reference, as ``add_batch`` does many."""
        self.add_batch(predictions=[prediction], references=[reference])

    def _read_all(self, side: str, items: list[Any], read: Any) -> list[Any]:
        values = []
        for index, item in enumerate(items):
            try:
                values.append(read(item))
            except (KeyError, TypeError, ValueError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise NlpieError(f"{self.name}: {side} {index} is not {self.expected}: {reason}") from None
        return values

    def _info(self) -> evaluate.MetricInfo:
        reference = self.prediction if self.reference is None else self.reference
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            inputs_description=f"\n\nHere one prediction, or reference, is {self.expected}.",
            features=datasets.Features({"predictions": self.prediction, "references": reference}),
        )

    def _build_data_dir(self) -> str:
        """Return no folder, in place of one that is made in the cache."""
        return ""

    def _finalize(self) -> None:
        if self.writer is None:
            raise NlpieError(f"{self.name} has nothing to compute from: give predictions and references")
        super()._finalize()


def report(
    outcomes: Outcomes, names: Sequence[str], *, interval: str | None, samples: int, seed: int
) -> dict[str, Any]:
    """Return some scores of outcomes, under ``labels`` those of each label, and the interval of one if it is asked for.

    Raises:
        UnknownName: The interval is of another score.
        NlpieError: There is no document to draw.
    """
    scores: Scores = outcomes.scores()
    found = {name: scores[name] for name in (*names, "labels")}
    if interval is None:
        return found
    if interval not in names:
        raise UnknownName("score", interval, names)
    if not len(outcomes.counts):
        raise NlpieError("an interval needs documents to draw from, and there is none")
    return {**found, "interval": outcomes.interval(interval, samples=samples, seed=seed)}


def read_text(value: Any) -> str:
    """Return a text.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"expected a text (str), got {type(value).__name__}")
    return value


def read_texts(values: Any) -> list[str]:
    """Return a list of texts.

    Raises:
        TypeError: It is something else, such as one text.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"expected a list, got {type(values).__name__}")
    return list(map(read_text, values))
