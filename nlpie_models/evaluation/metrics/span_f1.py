"""F1 of labelled spans of characters."""

from collections.abc import Collection, Mapping, Sequence
from operator import index
from typing import Any, Literal, get_args

import datasets

from ...errors import UnknownName
from ...scoring import Count, Outcomes, Span, count_overlapping_spans, count_spans
from ._metric import TEXT, OfflineMetric, read_text, report

Mode = Literal["strict", "relaxed"]
_COUNT = {"strict": count_spans, "relaxed": count_overlapping_spans}


class SpanF1(OfflineMetric):
    """Precision, recall and F1 of labelled spans: micro-averaged, macro-averaged, and per label.

    ``strict`` asks for the very start, end and label of a gold span. ``relaxed`` asks for one character in common with
    a gold span of the same label, and may then meet several: the "inexact" match of the i2b2 and n2c2 shared tasks
    (https://doi.org/10.1136/amiajnl-2011-000203). A span that is given twice counts once.
    """

    expected = "a document's spans, [{'start': ..., 'end': ..., 'label': ...}, ...] in characters"
    prediction = datasets.List({"start": datasets.Value("int64"), "end": datasets.Value("int64"), "label": TEXT})

    def read(self, item: Any) -> list[dict[str, Any]]:
        """Return spans without what else an entity holds (its text, its score); ``Entity`` objects will do as well."""
        return [_read_span(span) for span in item]

    def _compute(
        self,
        predictions: Sequence[Sequence[Mapping[str, Any]]],
        references: Sequence[Sequence[Mapping[str, Any]]],
        *,
        mode: Mode = "strict",
        interval: str | None = None,
        samples: int = 1000,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Score documents.

        Args:
            predictions: The spans found in each document.
            references: The gold spans of each.
            mode: What makes a span right.
            interval: Score whose 95% bootstrap interval over documents is wanted too, such as ``f1``.
            samples: How often documents are drawn for it.
            seed: For the draws.

        Returns:
            ``precision``, ``recall``, ``f1`` (micro-averaged), ``macro_f1`` (mean over the labels with a gold span),
            ``labels`` with the same and the counts of each label, and ``interval`` (low, high) if asked for; all
            rounded to 4 places, 0 where there is nothing to divide by.

        Raises:
            UnknownName: No mode, or no score, is called so.
            NlpieError: An interval over no documents.
        """
        if mode not in get_args(Mode):
            raise UnknownName("mode", mode, get_args(Mode))
        pairs = zip(map(_spans, references), map(_spans, predictions), strict=True)
        counted: list[dict[str, Count]] = [_COUNT[mode](gold, found) for gold, found in pairs]
        names = ("precision", "recall", "f1", "macro_f1")
        return report(Outcomes.of(counted), names, interval=interval, samples=samples, seed=seed)


def _read_span(span: Any) -> dict[str, Any]:
    start, end, label = index(span["start"]), index(span["end"]), read_text(span["label"])
    if not 0 <= start < end:
        raise ValueError(f"expected 0 <= start < end, got {start} and {end}")
    return {"start": start, "end": end, "label": label}


def _spans(document: Sequence[Mapping[str, Any]]) -> Collection[Span]:
    return [(span["start"], span["end"], span["label"]) for span in document]
