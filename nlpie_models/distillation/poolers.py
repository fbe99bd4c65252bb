"""Poolers: the layer and tanh on a BERT's first token that a classifier reads."""

from typing import Any, Literal

import torch
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertPooler

Pooler = Literal["teacher", "identity"]


def keep_pooler(model: PreTrainedModel, encoder: PreTrainedModel) -> None:
    """Give a masked language model the pooler of an encoder, if the encoder has one, so that it is saved.

    The masked language model does not use it. But classifiers that are fine-tuned from the model start from it, and
    learn less from few examples if they start from a random one.
    """
    pooler = getattr(encoder, "pooler", None)
    if pooler is not None:
        model.base_model.pooler = pooler  # type: ignore[assignment]


def choose_pooler(student: Any, pooler: Pooler) -> None:
    """Keep a student's pooler, or replace it by one that passes the first token on.

    A pooler that no objective has trained since its weights were drawn passes little on: that of all-MiniLM-L6-v2
    returns vectors a sixth as long as its first token's.

    Args:
        student: A BERT with a language-model head.
        pooler: ``teacher`` keeps the pooler that the student got from its teacher, if any. ``identity`` sets its
            matrix to the identity; its tanh stays, so it passes only small values on unchanged.

    Raises:
        ValueError: ``pooler`` is neither of the two.
    """
    if pooler not in ("teacher", "identity"):
        raise ValueError(f"expected a pooler teacher or identity, got {pooler!r}")
    if pooler == "identity":
        student.base_model.pooler = BertPooler(student.config)
        with torch.no_grad():
            student.base_model.pooler.dense.weight.copy_(torch.eye(student.config.hidden_size))
            student.base_model.pooler.dense.bias.zero_()
