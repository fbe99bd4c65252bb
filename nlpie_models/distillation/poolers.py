"""Poolers: what a classifier on top of a BERT reads of its first token, through one more layer and a tanh."""

from typing import Any, Literal

import torch
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertPooler

Pooler = Literal["teacher", "identity"]


def keep_pooler(model: PreTrainedModel, encoder: PreTrainedModel) -> None:
    """Let a masked language model carry an encoder's pooler, if it has one, and save it.

    It plays no part there, but classifiers that are fine-tuned from the model start from it: with a new pooler they
    learn less from few examples.
    """
    pooler = getattr(encoder, "pooler", None)
    if pooler is not None:
        model.base_model.pooler = pooler  # type: ignore[assignment]


def choose_pooler(student: Any, pooler: Pooler) -> None:
    """Leave a student the pooler that it was given, or give it one that passes the first token on.

    Poolers that no objective has trained since their weights were drawn pass on little: that of all-MiniLM-L6-v2 gives
    vectors a sixth as long as its first token's. The tanh stays, so ``identity`` is one of small values only.

    Args:
        student: A BERT with a language-model head.
        pooler: ``teacher`` or ``identity``.

    Raises:
        ValueError: Neither of the two.
    """
    if pooler not in ("teacher", "identity"):
        raise ValueError(f"expected a pooler teacher or identity, got {pooler!r}")
    if pooler == "identity":
        student.base_model.pooler = BertPooler(student.config)
        with torch.no_grad():
            student.base_model.pooler.dense.weight.copy_(torch.eye(student.config.hidden_size))
            student.base_model.pooler.dense.bias.zero_()
