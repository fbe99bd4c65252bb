"""Architectures that transformers lacks, and their registration with its Auto classes."""

import importlib
from types import ModuleType

from ._registration import ARCHITECTURES, register

__all__ = ["ARCHITECTURES", "minialbert", "register"]


def __getattr__(name: str) -> ModuleType:
    if name in ARCHITECTURES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
