"""Engines run a batch of token windows through a model; the pipeline does not know which library does it."""

from .torch import TorchEngine, default_device

__all__ = ["TorchEngine", "default_device"]
