"""What a pipeline returns for one text."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .fields import (
    Classification,
    ClassificationField,
    EmbeddingField,
    EntitiesField,
    Entity,
    Field,
    MaskPrediction,
    MasksField,
    Relation,
    RelationsField,
    SentenceEmbedding,
    SentencesField,
)

if TYPE_CHECKING:
    import pandas
    import spacy


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
class Annotation:
    """The annotations of one text. The task decides which fields are filled; ``fields`` names them.

    Attributes:
        text: The text as given; of a pair, the premise.
        coverage: How much of it was read.
        fields: Names of the fields that the task has filled, the main one last.
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
    fields: tuple[str, ...] = ("entities",)
    hypothesis: str | None = field(default=None, repr=False)
    entities: list[Entity] = field(default_factory=list, metadata={"form": EntitiesField()})
    relations: list[Relation] = field(default_factory=list, metadata={"form": RelationsField()})
    classification: Classification | None = field(default=None, metadata={"form": ClassificationField()})
    masks: list[MaskPrediction] = field(default_factory=list, metadata={"form": MasksField()})
    embedding: np.ndarray | None = field(default=None, compare=False, metadata={"form": EmbeddingField()})
    sentences: list[SentenceEmbedding] = field(default_factory=list, metadata={"form": SentencesField()})

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
        """The classification of a task that classifies.

        Raises:
            AttributeError: The task fills other fields.
        """
        if self.classification is None:
            raise AttributeError(f"this annotation has no label and score, but {', '.join(self.fields)}")
        return self.classification

    def filled(self) -> Iterator[tuple[str, Field[Any], Any]]:
        """Yield the name, the forms and the value of each field that the task has filled, the main one last."""
        for name in self.fields:
            yield name, FIELDS[name], getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        """Return the filled fields as JSON-ready values, the same keys for every text; the text itself is left out."""
        return {"coverage": asdict(self.coverage), **{name: form.to_json(value) for name, form, value in self.filled()}}

    @classmethod
    def from_dict(cls, text: str, values: Mapping[str, Any], hypothesis: str | None = None) -> "Annotation":
        """Return the annotation of ``text`` that ``to_dict`` turned into ``values``."""
        filled = {name: form.from_json(values[name]) for name, form in FIELDS.items() if name in values}
        return cls(
            text=text,
            coverage=Coverage(**values["coverage"]),
            fields=tuple(filled),
            hypothesis=hypothesis,
            **filled,
        )

    def to_html(self) -> str:
        """Return an HTML fragment: the text with its entities coloured, a legend, labels and relations."""
        from .exports.html import render_fragment

        return render_fragment(self)

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return a table: a row for each entity, relation, label, mask candidate or vector.

        Raises:
            NlpieError: pandas is not installed.
        """
        from .exports.tables import to_dataframe

        return to_dataframe([self]).drop(columns="id")

    def to_spacy(self, vocab: "spacy.vocab.Vocab | None" = None) -> "spacy.tokens.Doc":
        """Return a spaCy Doc; see :func:`nlpie_models.documents.exports.spacy.to_doc`.

        Raises:
            NlpieError: spaCy is not installed.
        """
        from .exports.spacy import to_doc

        return to_doc(self, vocab)

    def _repr_html_(self) -> str:
        return self.to_html()


FIELDS: Mapping[str, Field[Any]] = {
    item.name: item.metadata["form"] for item in dataclass_fields(Annotation) if "form" in item.metadata
}
"""The forms of each field that a task can fill, by name."""
