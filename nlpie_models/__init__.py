"""Compact clinical language models: from a note to its annotations in one line."""

import importlib
from typing import TYPE_CHECKING, Any

from . import architectures
from ._version import __version__
from .errors import NlpieError
from .registry import get_checkpoint, list_checkpoints

if TYPE_CHECKING:
    from . import distillation, documents, evaluation, tasks, training
    from .data.corpora import load_data
    from .documents import Annotation, Classification, Coverage, Entity, Relation, to_dataframe
    from .pipelines import ClinicalPipeline, load_clinical
    from .training.finetuning import finetune

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
    "distillation",
    "documents",
    "evaluation",
    "finetune",
    "get_checkpoint",
    "list_checkpoints",
    "load_clinical",
    "load_data",
    "tasks",
    "to_dataframe",
    "training",
]

# Names that are imported when they are first used: what is behind them takes seconds to import.
_ROOM_OF = {
    "Annotation": "documents",
    "Classification": "documents",
    "ClinicalPipeline": "pipelines",
    "Coverage": "documents",
    "Entity": "documents",
    "Relation": "documents",
    "finetune": "training.finetuning",
    "load_clinical": "pipelines",
    "load_data": "data.corpora",
    "to_dataframe": "documents",
}

architectures.register()

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _ROOM_OF:
            return getattr(importlib.import_module(f".{_ROOM_OF[name]}", __name__), name)
        if name in __all__:
            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
