"""Soft targets of fine-tuned teachers for token classification (Hinton et al., 2015, https://arxiv.org/abs/1503.02531).

The probabilities are computed once, before the student is trained, so an ensemble of teachers does not slow it down.
"""

from collections.abc import Mapping, Sequence

import torch
from transformers import PreTrainedModel

from ..errors import WrongPair


class SoftTargets:
    """The mean label probabilities of one or several teachers, in the student's label space.

    Args:
        teachers: Token classifiers that share one tokenizer and one label set.
        student_labels: The student's tags, such as ``B-problem``, in the order of its logits.
        label_map: Student label by teacher label (both without B- or I-). Teacher labels that are not in it become
            ``O``. It is ignored if it has none of the teachers' labels; these must then be the student's.
        bf16: Whether the teachers compute in bfloat16.

    Raises:
        ValueError: There is no teacher.
        WrongPair: The teachers differ in their labels, or one of their labels is not the student's.
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
        """Return the probabilities (B, L, C) of the student's C tags for a batch of ids (B, L)."""
        device = self._teachers[0].device
        input_ids, attention_mask = input_ids.to(device), attention_mask.to(device)
        with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=self._bf16):
            logits = [teacher(input_ids=input_ids, attention_mask=attention_mask).logits for teacher in self._teachers]
        probabilities = torch.stack([rows.float().softmax(-1) for rows in logits]).mean(0)
        return probabilities.cpu() @ self._projection


def _map_tag(tag: str, label_map: Mapping[str, str] | None, student_labels: Sequence[str]) -> str:
    """Return the student's tag for a teacher's tag."""
    prefix, _, label = tag.partition("-")
    if label_map is not None:
        mapped = label_map.get(label)
        tag = f"{prefix}-{mapped}" if mapped else "O"
    if tag not in student_labels:
        raise WrongPair(f"teacher label {tag!r} is not among the student's: {', '.join(student_labels)}")
    return tag
