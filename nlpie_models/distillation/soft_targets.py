"""Soft targets of fine-tuned teachers for token classification (Hinton et al., 2015, https://arxiv.org/abs/1503.02531).

The teachers' probabilities are computed once, before training, so an ensemble costs the student's training nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from ..errors import WrongPair

IGNORED = -100.0


class SoftTargets:
    """The mean label probabilities of teachers, in the student's label space.

    Args:
        teachers: Token classifiers that share one tokenizer and one label set.
        student_labels: The student's tags, such as ``B-problem``, in the order of its logits.
        label_map: Teacher label to student label (both without B- or I-); others become ``O``. Without one, and if no
            label of the teachers is in it, theirs are to be the student's.
        bf16: Whether the teachers compute in bfloat16.

    Raises:
        ValueError: No teacher.
        WrongPair: Teachers that differ in their labels, or a teacher label that the student lacks.
    """

    def __init__(
        self,
        teachers: Sequence[PreTrainedModel],
        student_labels: Sequence[str],
        label_map: Mapping[str, str] | None = None,
        *,
        bf16: bool = False,
    ) -> None:
        if not teachers:
            raise ValueError("expected at least one teacher")
        labels: dict[int, str] = teachers[0].config.id2label  # type: ignore[assignment]
        if any(teacher.config.id2label != labels for teacher in teachers):
            raise WrongPair("the teachers differ in their labels; fine-tune them on the same data")
        self._bf16 = bf16
        self._teachers = [teacher.eval() for teacher in teachers]
        self._projection = torch.zeros(len(labels), len(student_labels))
        if not {tag.partition("-")[2] for tag in labels.values()} & set(label_map or ()):
            label_map = None
        for index, tag in labels.items():
            mapped = _map_tag(tag, label_map, student_labels)
            self._projection[index, list(student_labels).index(mapped)] = 1.0

    @torch.inference_mode()
    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the probabilities (B, L, student labels) for a batch of ids (B, L)."""
        device = self._teachers[0].device
        input_ids, attention_mask = input_ids.to(device), attention_mask.to(device)
        with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self._bf16):
            logits = [teacher(input_ids=input_ids, attention_mask=attention_mask).logits for teacher in self._teachers]
        probabilities = [each.float().softmax(-1) for each in logits]
        return torch.stack(probabilities).mean(0).cpu() @ self._projection


def _map_tag(tag: str, label_map: Mapping[str, str] | None, student_labels: Sequence[str]) -> str:
    prefix, _, label = tag.partition("-")
    if label_map is not None:
        mapped = label_map.get(label)
        tag = f"{prefix}-{mapped}" if mapped else "O"
    if tag not in student_labels:
        raise WrongPair(f"teacher label {tag!r} is not among the student's: {', '.join(student_labels)}")
    return tag


def token_cross_entropy(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Cross-entropy of token logits (B, L, C) with hard labels (B, L) or soft targets (B, L, C).

    Tokens whose label, or whose every target, is -100 do not count. The sum is divided by the number of tokens that
    count: ``num_items_in_batch`` if the Trainer passes it (as it does to scale accumulated batches), where each of
    a token's C targets was counted as an item.
    """
    logits = outputs["logits"].float()
    counted = labels != IGNORED
    total: torch.Tensor
    if labels.dim() == 2:
        total = nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=int(IGNORED), reduction="sum")
        items = counted.sum()
    else:
        total = -(labels.where(counted, labels.new_zeros(())) * logits.log_softmax(-1)).sum()
        items = counted.any(-1).sum()
    if num_items_in_batch is None:
        return total / items
    return total * (1 if labels.dim() == 2 else labels.shape[-1]) / num_items_in_batch
