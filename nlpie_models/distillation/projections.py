"""Queries, keys and values of a layer, which transformers' models compute but do not return."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

_NAMES = (("query", "q_lin"), ("key", "k_lin"), ("value", "v_lin"))
"""Names of the linear layers in BERT, MobileBERT and MiniALBERT, and in DistilBERT."""


@contextmanager
def recorded_projections(model: nn.Module, layer: int) -> Iterator[list[torch.Tensor]]:
    """Yield a list that holds a layer's queries, keys and values (B, L, H) after the model has run once.

    Args:
        model: A BERT-like model.
        layer: The layer, from 0, in the order in which layers run: each recursion of a shared layer counts.

    Raises:
        ValueError: The model has no such linear layers.
    """
    recorded: list[torch.Tensor] = []
    with ExitStack() as stack:
        for names in _NAMES:
            modules = [module for name, module in model.named_modules() if name.rpartition(".")[2] in names]
            if not modules:
                raise ValueError(f"{type(model).__name__} has no layers called {' or '.join(names)}")
            calls: list[None] = []
            for module in modules:
                stack.callback(module.register_forward_hook(partial(_record, calls, layer, recorded)).remove)
        yield recorded


def _record(
    calls: list[None], layer: int, recorded: list[torch.Tensor], module: nn.Module, args: Any, output: torch.Tensor
) -> None:
    """Keep the output of the call whose number is ``layer``; a forward hook."""
    if len(calls) == layer:
        recorded.append(output)
    calls.append(None)
