"""Text in, annotations out: words, windows, decoding and outputs. Knows no torch."""

from .annotation import (
    Annotation,
    Classification,
    Coverage,
    Entity,
    MaskCandidate,
    MaskPrediction,
    Relation,
    SentenceEmbedding,
)
from .encoding import Encoder, Encoding
from .reading import Passage, Reader, Reading
from .windows import Window, plan_windows
from .words import find_words

__all__ = [
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
]
