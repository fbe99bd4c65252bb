"""Text in, annotations out: words, windows, decoding and outputs. Knows no torch."""

from .annotation import Annotation, Coverage, Entity, MaskCandidate, MaskPrediction
from .encoding import Encoder, Encoding
from .windows import Window, plan_windows
from .words import find_words

__all__ = [
    "Annotation",
    "Coverage",
    "Encoder",
    "Encoding",
    "Entity",
    "MaskCandidate",
    "MaskPrediction",
    "Window",
    "find_words",
    "plan_windows",
]
