"""Masked-language-model training that computes logits only where there is something to predict.

The head of a compact model costs as much as its encoder (384 x 30,522 for all-MiniLM-L6-v2, against 10.6M
multiply-accumulates of six layers), and 85% of its logits have no label. Hooks cut the head's input down to the masked
tokens: the model stays the plain one, under DistributedDataParallel and when it is saved.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..errors import CheckpointError

IGNORED = -100
_HEADS = ("cls", "vocab_transform")  # the first module of the head: BERT and MobileBERT; DistilBERT and MiniALBERT


@contextmanager
def sparse_head(model: nn.Module) -> Iterator[None]:
    """Let a model take ``predicted`` (B, L), and give logits (N, V) for its N true tokens alone, row by row.

    Args:
        model: A model with a masked-language-model head.

    Raises:
        CheckpointError: It has no such head.
    """
    head = next((getattr(model, name) for name in _HEADS if hasattr(model, name)), None)
    if head is None:
        raise CheckpointError(f"{type(model).__name__} has no masked-language-model head")
    chosen: list[torch.Tensor] = []

    def take(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        chosen[:] = [kwargs.pop("predicted")]
        return args, kwargs

    def cut(module: nn.Module, args: tuple) -> tuple:
        return (args[0][chosen[0]],)

    handles = [model.register_forward_pre_hook(take, with_kwargs=True), head.register_forward_pre_hook(cut)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def masked_lm_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the cross-entropy of logits (N, V) with the N labels (B, L) that are not -100.

    The sum is divided by ``num_items_in_batch``, the labels of all processes and accumulated batches, if it is given.
    """
    targets = labels[labels != IGNORED]
    total = nn.functional.cross_entropy(outputs["logits"].float(), targets, reduction="sum")
    return total / (max(1, len(targets)) if num_items_in_batch is None else num_items_in_batch)


def sum_losses(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return for each row of labels (B, L) the summed cross-entropy of its masked tokens, and their number (B, 2)."""
    rows, _ = torch.nonzero(labels != IGNORED, as_tuple=True)
    losses = nn.functional.cross_entropy(logits.float(), labels[labels != IGNORED], reduction="none")
    sums = losses.new_zeros(len(labels), 2)
    return sums.index_add(0, rows, torch.stack([losses, torch.ones_like(losses)], dim=1))
