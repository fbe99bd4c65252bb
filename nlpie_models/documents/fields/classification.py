"""A classification: labels of the text as a whole."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from ..markup import escape, style
from ._field import Field


@dataclass(frozen=True)
class Classification:
    """The labels of a text, or of a premise and hypothesis.

    Attributes:
        scores: Probability of each label; they add up to 1 unless the labels are independent (multi-label).
        labels: The predicted labels, best first: always one, or with independent labels those over their thresholds.
        pooling: How the windows of a long text were pooled; see :mod:`nlpie_models.tasks.classification`.
        multi_label: Whether the labels are independent of each other.
    """

    scores: dict[str, float] = field(compare=False)
    labels: tuple[str, ...]
    pooling: str
    multi_label: bool = False

    @property
    def label(self) -> str | None:
        """The best predicted label; None if no independent label is over its threshold."""
        return self.labels[0] if self.labels else None

    @property
    def score(self) -> float:
        """Probability of ``label``; the highest probability where no independent label is over its threshold."""
        return max(self.scores.values()) if self.label is None else self.scores[self.label]

    def ranked(self) -> list[tuple[str, float]]:
        """Return the labels with their probabilities, best first."""
        return sorted(self.scores.items(), key=lambda item: -item[1])


class ClassificationField(Field[Classification | None]):
    """Labels and their probabilities; None where another task annotated the text."""

    columns: ClassVar = {"label": "text", "score": "number", "predicted": "truth"}
    above_text = True

    def to_json(self, value: Classification | None) -> dict[str, Any] | None:
        """Return the classification by field, with the best label and its score."""
        if value is None:
            return None
        return {"label": value.label, "score": value.score, **asdict(value), "labels": list(value.labels)}

    def from_json(self, values: Any) -> Classification:
        """Return the classification."""
        return Classification(values["scores"], tuple(values["labels"]), values["pooling"], values["multi_label"])

    def rows(self, value: Classification | None, characters: int) -> Iterator[dict[str, Any]]:
        """Yield a row for each label."""
        if value is not None:
            for label, score in value.scores.items():
                yield {"label": label, "score": score, "predicted": label in value.labels}

    def to_html(self, value: Classification | None) -> str:
        """Return a table of the labels, best first, each with a bar as long as its score."""
        if value is None:
            return ""
        lines = "".join(
            f"<tr{' class=nlpie-predicted' if label in value.labels else ''}><th>{escape(label)}</th>"
            f'<td><meter value="{score:.4f}"></meter> {score:.2f}</td></tr>'
            for label, score in value.ranked()
        )
        return f"<table>{lines}</table>"

    def to_terminal(self, value: Classification | None) -> Iterator[str]:
        """Yield a line for each label, best first."""
        if value is not None:
            for label, score in value.ranked():
                yield f"{score:.2f}  {style(label, bold=label in value.labels)}"
