"""Queries, keys and values of a layer, which transformers' models compute and do not return."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

_NAMES = (("query", "q_lin"), ("key", "k_lin"), ("value", "v_lin"))  # BERT, MobileBERT, MiniALBERT; DistilBERT


@contextmanager
def recorded_projections(model: nn.Module, layer: int) -> Iterator[list[torch.Tensor]]:
    """Give a list that holds a layer's queries, keys and values (B, L, H) after the model has run once.

    Layers are counted in the order in which they run, so recursions of a shared layer count one by one.

    Args:
        model: A BERT-like model.
        layer: From 0.

    Raises:
        ValueError: The model has no such linear layers.
    """
    found: list[torch.Tensor] = []
    with ExitStack() as stack:
        for names in _NAMES:
            modules = [module for name, module in model.named_modules() if name.rpartition(".")[2] in names]
            if not modules:
                raise ValueError(f"{type(model).__name__} has no layers called {' or '.join(names)}")
            calls: list[None] = []
            for module in modules:
                stack.callback(module.register_forward_hook(partial(_record, calls, layer, found)).remove)
        yield found


def _record(
    calls: list[None], layer: int, found: list[torch.Tensor], module: nn.Module, args: Any, output: torch.Tensor
) -> None:
    if len(calls) == layer:
        found.append(output)
    calls.append(None)
