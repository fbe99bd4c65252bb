"""What a pipeline returns for one text."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas
    import spacy

_TRANSFORMERS_KEYS = {"entity_group": "label", "word": "text"}


@dataclass(frozen=True)
class Entity:
    """A labelled span: ``text[start:end] == entity.text`` holds always, and both ends lie between words.

    Attributes:
        start: First character.
        end: One past the last character.
        label: Entity type, such as ``problem``.
        text: The characters of the span.
        score: Mean over the words of the probability of the predicted tag, 1 for an entity that was given; two
            entities are equal without it.
        assertion: ``negated``, ``uncertain``, ``historical``, ``family`` or ``conditional`` where assertion was asked
            for and one of them holds.
    """

    start: int
    end: int
    label: str
    text: str
    score: float = field(default=1.0, compare=False)
    assertion: str | None = None

    def __getitem__(self, key: str) -> Any:
        """Answer the keys of transformers' token-classification pipeline as well as the field names."""
        name = _TRANSFORMERS_KEYS.get(key, key)
        if name not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, name)


@dataclass(frozen=True)
class Relation:
    """A labelled, directed pair of entities, with the probability of the label."""

    head: Entity
    tail: Entity
    label: str
    score: float = field(compare=False)


@dataclass(frozen=True)
class Classification:
    """The labels of a text, or of a premise and hypothesis.

    Attributes:
        scores: Probability of each label; they add up to 1 unless the labels are independent (multi-label).
        labels: The predicted ones, best first: always one, or with independent labels those over their thresholds.
        pooling: How the windows of a long text were put together; see :mod:`nlpie_models.tasks.classification`.
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
        """Probability of ``label``; where no independent label is over its threshold, the highest there is."""
        return max(self.scores.values()) if self.label is None else self.scores[self.label]


@dataclass(frozen=True)
class Coverage:
    """The receipt: how much of the text the model has read.

    Attributes:
        characters: Characters read; the text's length unless it was truncated.
        tokens: Word pieces read, special tokens not counted.
        windows: Windows that they were read in; for relations, pairs of entities.
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
class SentenceEmbedding:
    """The vector of the sentence at ``start:end``, float32 of shape (hidden size,)."""

    start: int
    end: int
    embedding: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True)
class Annotation:
    """The annotations of one text; which fields are filled depends on the task and is said by ``gives``.

    Attributes:
        text: The text as given; of a pair, the premise.
        coverage: What was read of it.
        gives: Names of the fields that the task has filled.
        hypothesis: The second text of a pair (``nli``).
        entities: Entities by position (``ner``), or those whose pairs were read (``relation``).
        relations: Relations by position of head and tail (``relation``).
        classification: Labels and scores (``classification``, ``nli``).
        masks: Predictions for each mask (``fill-mask``).
        embedding: The text's vector, float32 of shape (hidden size,) (``embedding``).
        sentences: A vector for each sentence (``embedding`` with ``unit="sentence"``).
    """

    text: str = field(repr=False)
    coverage: Coverage
    gives: tuple[str, ...] = ("entities",)
    hypothesis: str | None = field(default=None, repr=False)
    entities: list[Entity] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    classification: Classification | None = None
    masks: list[MaskPrediction] = field(default_factory=list)
    embedding: np.ndarray | None = field(default=None, compare=False)
    sentences: list[SentenceEmbedding] = field(default_factory=list)

    @property
    def label(self) -> str | None:
        """The best predicted label of a classification."""
        return self.classified.label

    @property
    def labels(self) -> tuple[str, ...]:
        """The predicted labels of a classification, best first."""
        return self.classified.labels

    @property
    def score(self) -> float:
        """Probability of the best label of a classification."""
        return self.classified.score

    @property
    def scores(self) -> dict[str, float]:
        """Probability of each label of a classification."""
        return self.classified.scores

    @property
    def classified(self) -> Classification:
        """The classification, which must be there."""
        if self.classification is None:
            raise AttributeError(f"this annotation has no label and score: its task gives {', '.join(self.gives)}")
        return self.classification

    def to_dict(self) -> dict[str, Any]:
        """Return the filled fields as JSON-ready values, the same keys for every text; the text itself is left out."""
        return {"coverage": asdict(self.coverage), **{name: _plain(getattr(self, name)) for name in self.gives}}

    @classmethod
    def from_dict(cls, text: str, values: Mapping[str, Any], hypothesis: str | None = None) -> "Annotation":
        """Return the annotation of ``text`` that ``to_dict`` turned into ``values``."""
        gives = tuple(item.name for item in fields(cls) if item.name in _RESTORE and item.name in values)
        return cls(
            text=text,
            coverage=Coverage(**values["coverage"]),
            gives=gives,
            hypothesis=hypothesis,
            **{name: _RESTORE[name](values[name]) for name in gives},
        )

    def to_html(self) -> str:
        """Return an HTML fragment: the text with its entities coloured, a legend, and what else the task gives."""
        from .html import render_fragment

        return render_fragment(self)

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return a table: a row an entity, relation, label, mask candidate or vector.

        Raises:
            NlpieError: pandas is not installed.
        """
        from .tables import to_dataframe

        return to_dataframe(self)

    def to_spacy(self, vocab: "spacy.vocab.Vocab | None" = None) -> "spacy.tokens.Doc":
        """Return a spaCy Doc; see :func:`nlpie_models.documents.spacy.to_doc`.

        Raises:
            NlpieError: spaCy is not installed.
        """
        from .spacy import to_doc

        return to_doc(self, vocab)

    def _repr_html_(self) -> str:
        return self.to_html()


def _plain(value: Any) -> Any:
    """Turn a field into JSON-ready values."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Classification):
        return {"label": value.label, "score": value.score, **asdict(value), "labels": list(value.labels)}
    if isinstance(value, SentenceEmbedding):
        return {"start": value.start, "end": value.end, "embedding": value.embedding.tolist()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return asdict(value)


def _vector(values: Any) -> np.ndarray:
    return np.array(values, dtype=np.float32)


_RESTORE: dict[str, Callable[[Any], Any]] = {
    "entities": lambda values: [Entity(**value) for value in values],
    "relations": lambda values: [
        Relation(Entity(**value["head"]), Entity(**value["tail"]), value["label"], value["score"]) for value in values
    ],
    "classification": lambda value: Classification(
        value["scores"], tuple(value["labels"]), value["pooling"], value["multi_label"]
    ),
    "masks": lambda values: [
        MaskPrediction(value["start"], value["end"], [MaskCandidate(**item) for item in value["candidates"]])
        for value in values
    ],
    "embedding": _vector,
    "sentences": lambda values: [
        SentenceEmbedding(value["start"], value["end"], _vector(value["embedding"])) for value in values
    ],
}
