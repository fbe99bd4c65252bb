"""Compact clinical language models: from a note to its annotations in one line."""

import importlib
from typing import Any

from . import architectures
from .errors import NlpieError
from .registry import get_checkpoint, list_checkpoints

__all__ = [
    "Annotation",
    "Classification",
    "ClinicalPipeline",
    "Coverage",
    "Entity",
    "NlpieError",
    "Relation",
    "__version__",
    "architectures",
    "documents",
    "get_checkpoint",
    "list_checkpoints",
    "load_clinical",
]
from ._version import __version__

_LAZY = {
    "Annotation": ".documents",
    "Classification": ".documents",
    "ClinicalPipeline": ".pipelines",
    "Coverage": ".documents",
    "Entity": ".documents",
    "Relation": ".documents",
    "load_clinical": ".pipelines",
}

architectures.register()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name], __name__), name)
    if name in {"distillation", "documents", "evaluation", "tasks", "training"}:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
