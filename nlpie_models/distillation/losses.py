"""The losses that objectives are made of, as pure functions.

Shapes use B (batch), L (sequence), H (width), A (heads), N (labelled tokens) and C (classes or pieces). All is computed
in float32, whatever precision the models run in.
"""

import torch
from torch.nn import functional

from .contract import IGNORED

_LEAST = 1e-12


def at_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the logits (N, C) of what is labelled; those that came so already stay.

    Args:
        logits: (*, C) for labels (*), or (N, C).
        labels: -100 where there is none.
    """
    return logits[labels != IGNORED] if logits.shape[:-1] == labels.shape else logits


def hard_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of logits, as for :func:`at_labels`, with the labels that are not -100."""
    return functional.cross_entropy(at_labels(logits, labels).float(), labels[labels != IGNORED])


def soft_target_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T^2 KL(teacher / T || student / T) of logits (N, C), the mean over N (Hinton et al., 2015)."""
    own, other = (functional.log_softmax(logits.float() / temperature, dim=-1) for logits in (student, teacher))
    return functional.kl_div(own, other, reduction="batchmean", log_target=True) * temperature**2


def soft_cross_entropy(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the cross-entropy of logits (N, C) with the teacher's softmax, both divided by T, the mean over N."""
    targets = functional.softmax(teacher.float() / temperature, dim=-1)
    return -(targets * functional.log_softmax(student.float() / temperature, dim=-1)).sum(-1).mean()


def hidden_cosine(student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return one less the cosine of hidden states (B, L, H), the mean over attended tokens."""
    distances = 1.0 - functional.cosine_similarity(student.float(), teacher.float(), dim=-1)
    return (distances * attention_mask).sum() / attention_mask.sum()


def mean_vectors(states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the mean (B, H) of hidden states (B, L, H) over attended tokens."""
    kept = attention_mask[..., None]
    return (states.float() * kept).sum(1) / kept.sum(1)


def vector_cosine(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return one less the cosine of vectors (B, H), the mean over B."""
    return (1.0 - functional.cosine_similarity(student.float(), teacher.float(), dim=-1)).mean()


def hidden_mse(
    student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the squared error of hidden states (B, L, H), the mean over attended tokens; over all without a mask."""
    if attention_mask is None:
        return functional.mse_loss(student.float(), teacher.float())
    errors = (student.float() - teacher.float()).square().mean(-1)
    return (errors * attention_mask).sum() / attention_mask.sum()


def attention_kl(student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return KL(teacher || student) of attention maps (B, A, L, L), the mean over all elements of attended rows.

    transformers returns maps after dropout. What dropout has put to zero adds nothing: its logarithm would swamp the
    rest, and no gradient goes through it anyway.
    """
    own, other = student.float(), teacher.float()
    dropped = (own == 0) & (other > 0)
    elements = (other + _LEAST) * ((other + _LEAST).log() - (own + _LEAST).log())
    rows = attention_mask[:, None, :, None]
    total = (elements.masked_fill(dropped, 0.0) * rows).sum()
    return total / (attention_mask.sum() * own.shape[1] * own.shape[-1])


def relation_kl(student: torch.Tensor, teacher: torch.Tensor, attention_mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Return KL(teacher || student) of self-attention relations, the mean over relation heads and attended tokens.

    Args:
        student: Queries, keys or values of a layer (B, L, H).
        teacher: The teacher's, of its own width.
        attention_mask: (B, L); padding is nothing to relate to.
        heads: Relation heads, which divide both widths.
    """
    own, other = (_log_relations(states, attention_mask, heads) for states in (student, teacher))
    rows = functional.kl_div(own, other, reduction="none", log_target=True).sum(-1)
    return (rows * attention_mask[:, None]).sum() / (attention_mask.sum() * heads)


def _log_relations(states: torch.Tensor, attention_mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Return log softmax(X X' / sqrt(d)) of each head's states X (L, d), together (B, heads, L, L)."""
    split = states.float().unflatten(-1, (heads, -1)).transpose(1, 2)
    with torch.autocast(states.device.type, enabled=False):
        scores = split @ split.transpose(-1, -2) / split.shape[-1] ** 0.5
    padding = ~attention_mask.bool()[:, None, None, :]
    return scores.masked_fill(padding, torch.finfo(scores.dtype).min).log_softmax(-1)
