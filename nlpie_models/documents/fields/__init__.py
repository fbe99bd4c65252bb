"""The fields of an annotation, one module each: the values that a field holds, and all of their forms."""

from ._field import Field, Kind
from .classification import Classification, ClassificationField
from .embedding import EmbeddingField, SentenceEmbedding, SentencesField
from .entities import EntitiesField, Entity
from .masks import MaskCandidate, MaskPrediction, MasksField
from .relations import Relation, RelationsField

__all__ = [
    "Classification",
    "ClassificationField",
    "EmbeddingField",
    "EntitiesField",
    "Entity",
    "Field",
    "Kind",
    "MaskCandidate",
    "MaskPrediction",
    "MasksField",
    "Relation",
    "RelationsField",
    "SentenceEmbedding",
    "SentencesField",
]
