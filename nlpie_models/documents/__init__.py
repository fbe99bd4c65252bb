"""Text in, annotations out: words, windows, decoding and outputs. Knows no torch."""

from .annotation import FIELDS, Annotation, Coverage
from .encoding import Encoder, Encoding
from .exports.tables import to_dataframe
from .fields import Classification, Entity, MaskCandidate, MaskPrediction, Relation, SentenceEmbedding
from .reading import Passage, Reader, Reading
from .windows import Window, plan_windows
from .words import find_words

__all__ = [
    "FIELDS",
    "Annotation",
    "Classification",
    "Coverage",
    "Encoder",
    "Encoding",
    "Entity",
    "MaskCandidate",
    "MaskPrediction",
    "Passage",
    "Reader",
    "Reading",
    "Relation",
    "SentenceEmbedding",
    "Window",
    "find_words",
    "plan_windows",
    "to_dataframe",
]
