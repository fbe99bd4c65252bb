"""Masks: the most probable pieces at each mask token of the text."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from ._field import Field


@dataclass(frozen=True)
class MaskCandidate:
    """A piece that may stand at a mask.

    Attributes:
        text: The piece.
        score: Its probability; two candidates are equal whatever their scores.
    """

    text: str
    score: float = field(compare=False)


@dataclass(frozen=True)
class MaskPrediction:
    """The most probable pieces for the mask at ``start:end``, best first."""

    start: int
    end: int
    candidates: list[MaskCandidate]


class MasksField(Field[list[MaskPrediction]]):
    """Predictions for each mask, by position."""

    columns: ClassVar = {"start": "whole", "end": "whole", "text": "text", "score": "number"}

    def to_json(self, value: list[MaskPrediction]) -> list[dict[str, Any]]:
        """Return each prediction by field."""
        return list(map(asdict, value))

    def from_json(self, values: Any) -> list[MaskPrediction]:
        """Return the predictions."""
        return [
            MaskPrediction(mask["start"], mask["end"], [MaskCandidate(**item) for item in mask["candidates"]])
            for mask in values
        ]

    def rows(self, value: list[MaskPrediction], characters: int) -> Iterator[dict[str, Any]]:
        """Yield a row for each candidate."""
        for mask in value:
            for candidate in mask.candidates:
                yield {"start": mask.start, "end": mask.end, "text": candidate.text, "score": candidate.score}

    def to_terminal(self, value: list[MaskPrediction]) -> Iterator[str]:
        """Yield a line for each mask."""
        for mask in value:
            candidates = ", ".join(f"{candidate.text} {candidate.score:.2f}" for candidate in mask.candidates)
            yield f"{mask.start}-{mask.end}  {candidates}"
