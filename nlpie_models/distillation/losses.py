"""The losses that objectives are made of, as pure functions.

Shapes use B (batch), L (sequence), H (width), A (heads), N (labelled tokens) and C (classes or pieces). Everything is
computed in float32, whatever precision the models run in.
"""

from typing import Any

import torch
from torch.nn import functional

from ..util.targets import IGNORED

_LEAST = 1e-12


def at_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, C) of the labelled tokens.

    Args:
        logits: (*, C) for labels of shape (*), or (N, C), which are returned as they are.
        labels: -100 where a token has no label.
    """
    return logits[labels != IGNORED] if logits.shape[:-1] == labels.shape else logits


def hard_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of logits with labels, both as in :func:`at_labels`, the mean over N."""
    return functional.cross_entropy(at_labels(logits, labels).float(), labels[labels != IGNORED])


def token_cross_entropy(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the cross-entropy of token logits with hard labels or soft targets, the mean over the tokens that count.

    It has the signature of the HF Trainer's ``compute_loss_func``.

    Args:
        outputs: A model's outputs, with ``logits`` (B, L, C).
        labels: Hard labels (B, L), -100 for a token that does not count; or soft targets (B, L, C), all -100 for one.
        num_items_in_batch: What to divide the sum by instead, so that accumulated batches weigh every token the same.
            The Trainer counts the elements of ``labels`` that are not -100: C for a token with soft targets.
    """
    logits = outputs["logits"].float()
    counted = labels != IGNORED
    total: torch.Tensor
    if labels.dim() == 2:
        total = functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="sum")
        items = counted.sum()
    else:
        total = -(labels.where(counted, labels.new_zeros(())) * logits.log_softmax(-1)).sum()
        items = counted.any(-1).sum()
    if num_items_in_batch is None:
        return total / items
    return total * (1 if labels.dim() == 2 else labels.shape[-1]) / num_items_in_batch


def soft_target_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)) of logits (N, C), the mean over N.

    Hinton et al., 2015 (https://arxiv.org/abs/1503.02531).
    """
    log_student = functional.log_softmax(student.float() / temperature, dim=-1)
    log_teacher = functional.log_softmax(teacher.float() / temperature, dim=-1)
    return functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True) * temperature**2


def soft_cross_entropy(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return CE(softmax(student / T), softmax(teacher / T)) of logits (N, C), the mean over N."""
    targets = functional.softmax(teacher.float() / temperature, dim=-1)
    return -(targets * functional.log_softmax(student.float() / temperature, dim=-1)).sum(-1).mean()


def hidden_cosine(student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return 1 - cos(student, teacher) of hidden states (B, L, H), the mean over attended tokens."""
    distances = 1.0 - functional.cosine_similarity(student.float(), teacher.float(), dim=-1)
    return (distances * attention_mask).sum() / attention_mask.sum()


def mean_vectors(states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the mean (B, H) of hidden states (B, L, H) over attended tokens."""
    weights = attention_mask[..., None]
    return (states.float() * weights).sum(1) / weights.sum(1)


def vector_cosine(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return 1 - cos(student, teacher) of vectors (B, H), the mean over B."""
    return (1.0 - functional.cosine_similarity(student.float(), teacher.float(), dim=-1)).mean()


def hidden_mse(
    student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the mean squared error of hidden states (B, L, H) over attended tokens, or over all without a mask."""
    if attention_mask is None:
        return functional.mse_loss(student.float(), teacher.float())
    errors = (student.float() - teacher.float()).square().mean(-1)
    return (errors * attention_mask).sum() / attention_mask.sum()


def attention_kl(student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return KL(teacher || student) of attention maps (B, A, L, L), the mean over all elements of attended rows.

    transformers returns maps after dropout. Elements that dropout has set to zero in the student's maps are left out:
    their logarithm would dominate the sum, and no gradient goes through them.
    """
    student, teacher = student.float(), teacher.float()
    dropped = (student == 0) & (teacher > 0)
    elements = (teacher + _LEAST) * ((teacher + _LEAST).log() - (student + _LEAST).log())
    rows = attention_mask[:, None, :, None]
    total = (elements.masked_fill(dropped, 0.0) * rows).sum()
    return total / (attention_mask.sum() * student.shape[1] * student.shape[-1])


def relation_kl(student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Return KL(teacher || student) of self-attention relations, the mean over relation heads and attended tokens.

    The relations of the vectors X (L, d) of one head are softmax(X X' / sqrt(d)) (L, L), padding left out.

    Args:
        student: Queries, keys or values of one of the student's layers (B, L, H).
        teacher: The same of one of the teacher's layers; its width H may differ.
        attention_mask: (B, L).
        heads: Number of relation heads, which divides both widths.
    """
    log_student = _log_relations(student, attention_mask, heads)
    log_teacher = _log_relations(teacher, attention_mask, heads)
    rows = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(-1)
    return (rows * attention_mask[:, None]).sum() / (attention_mask.sum() * heads)


def _log_relations(states: torch.Tensor, attention_mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Return the logarithm (B, heads, L, L) of the relations of states (B, L, H)."""
    split = states.float().unflatten(-1, (heads, -1)).transpose(1, 2)
    with torch.autocast(states.device.type, enabled=False):
        scores = split @ split.transpose(-1, -2) / split.shape[-1] ** 0.5
    padding = ~attention_mask.bool()[:, None, None, :]
    return scores.masked_fill(padding, torch.finfo(scores.dtype).min).log_softmax(-1)
