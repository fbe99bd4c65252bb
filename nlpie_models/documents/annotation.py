"""What a pipeline returns for one text."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

_TRANSFORMERS_KEYS = {"entity_group": "label", "word": "text"}


@dataclass(frozen=True)
class Entity:
    """A labelled span: ``text[start:end] == entity.text`` holds always, and both ends lie between words.

    Attributes:
        start: First character.
        end: One past the last character.
        label: Entity type, such as ``problem``.
        text: The characters of the span.
        score: Mean over the words of the probability of the predicted tag; two entities are equal without it.
        assertion: ``negated``, ``uncertain`` ... where assertion was asked for.
    """

    start: int
    end: int
    label: str
    text: str
    score: float = field(compare=False)
    assertion: str | None = None

    def __getitem__(self, key: str) -> Any:
        """Answer the keys of transformers' token-classification pipeline as well as the field names."""
        name = _TRANSFORMERS_KEYS.get(key, key)
        if name not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, name)


@dataclass(frozen=True)
class Coverage:
    """The receipt: how much of the text the model has read.

    Attributes:
        characters: Characters read; the text's length unless it was truncated.
        tokens: Word pieces read, special tokens not counted.
        windows: Windows that they were read in.
        truncated: Whether the rest was left out, because the caller asked for it.
    """

    characters: int
    tokens: int
    windows: int
    truncated: bool = False


@dataclass(frozen=True)
class MaskCandidate:
    """A piece that may stand at a mask, with its probability."""

    text: str
    score: float = field(compare=False)


@dataclass(frozen=True)
class MaskPrediction:
    """The most probable pieces for the mask at ``start:end``, best first."""

    start: int
    end: int
    candidates: list[MaskCandidate]


@dataclass(frozen=True)
class Annotation:
    """The annotations of one text; which fields are filled depends on the task.

    Attributes:
        text: The text as given.
        coverage: What was read of it.
        entities: Entities by position (``ner``).
        masks: Predictions for each mask (``fill-mask``).
        embedding: The text's vector, float32 of shape (hidden size,) (``embedding``).
    """

    text: str = field(repr=False)
    coverage: Coverage
    entities: list[Entity] = field(default_factory=list)
    masks: list[MaskPrediction] = field(default_factory=list)
    embedding: np.ndarray | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the filled fields as JSON-ready values; the text itself is left out."""
        values: dict[str, Any] = {"coverage": asdict(self.coverage)}
        if self.embedding is not None:
            values["embedding"] = self.embedding.tolist()
        elif self.masks:
            values["masks"] = [asdict(mask) for mask in self.masks]
        else:
            values["entities"] = [asdict(entity) for entity in self.entities]
        return values

    @classmethod
    def from_dict(cls, text: str, values: dict[str, Any]) -> "Annotation":
        """Return the annotation of ``text`` that ``to_dict`` turned into ``values``."""
        embedding = values.get("embedding")
        return cls(
            text=text,
            coverage=Coverage(**values["coverage"]),
            entities=[Entity(**entity) for entity in values.get("entities", [])],
            masks=[
                MaskPrediction(mask["start"], mask["end"], [MaskCandidate(**item) for item in mask["candidates"]])
                for mask in values.get("masks", [])
            ],
            embedding=None if embedding is None else np.array(embedding, dtype=np.float32),
        )

    def to_html(self) -> str:
        """Return an HTML fragment: the text with its entities coloured, and a legend."""
        from .html import render_fragment

        return render_fragment(self)

    def _repr_html_(self) -> str:
        return self.to_html()
