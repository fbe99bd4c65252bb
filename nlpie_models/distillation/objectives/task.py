"""Distillation of a fine-tuned teacher: its soft targets and hidden states, beside the hard labels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ...errors import WrongPair
from ...util.targets import IGNORED
from ..losses import at_labels, hard_labels, hidden_mse, soft_target_kl
from ..pairing import describe, map_layers
from ._objective import Needs, Objective, Part, Unit, check_temperature

_MULTI_LABEL = "multi_label_classification"


class TaskObjective(Objective):
    """Task distillation for token and sequence classification (Hinton et al., 2015, https://arxiv.org/abs/1503.02531).

    With logits z (B, L, C) or (B, C), and hidden states h[l] of layer l (h[-1] is the output of the embeddings), of the
    student (s) and the teacher (t), and t(l) the teacher's layer for layer l, the loss is the weighted sum of

    - ``soft_target``: T^2 KL(softmax(z_t / T) || softmax(z_s / T)), the mean over labels;
    - ``hidden``: the mean over l, the embeddings included, of MSE(P h_s[l], h_t[t(l)]), the mean over attended tokens,
      as in TinyBERT's second stage (https://arxiv.org/abs/1909.10351);
    - ``hard_label``: CE(z_s, labels), the mean over labels.

    P is a linear layer, kept as ``projection`` and trained with the student, or the identity between equal widths.
    Where labels are independent of each other (``problem_type`` of the config), binary cross-entropy with the teacher's
    sigmoids replaces KL, and with the labels replaces CE.

    Args:
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        temperature: T.
        layers: t(l), from 0, for each student layer; see :func:`~nlpie_models.distillation.pairing.map_layers`.
        **weights: Weights of the parts.

    Raises:
        WrongPair: The vocabularies or the labels differ, or the layers cannot be mapped.
        ValueError: A weight or a temperature that makes no loss.
    """

    name = "task"
    summary = "soft targets and hidden states of a fine-tuned teacher, layer by layer, and the labels"
    source = "https://arxiv.org/abs/1503.02531"
    parts: ClassVar = {
        "soft_target": Part(1.0, Unit.LABELLED, Needs(student_logits=True, teacher_logits=True)),
        "hidden": Part(1.0, Unit.ATTENDED, Needs(hidden_states=True)),
        "hard_label": Part(1.0, Unit.LABELLED, Needs(student_logits=True)),
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        temperature: float = 2.0,
        layers: Sequence[int] | None = None,
        **weights: float,
    ) -> None:
        super().__init__(student_config, teacher_config, **weights)
        check_temperature(self.name, temperature)
        _check_labels(student_config, teacher_config)
        compares = self.needs.hidden_states
        widths = student_config.hidden_size, teacher_config.hidden_size
        self.layers = map_layers(self.name, student_config, teacher_config, layers) if compares else []
        self.projection = nn.Linear(*widths) if compares and widths[0] != widths[1] else nn.Identity()
        self.temperature = temperature
        self.multi_label = _is_multi_label(student_config)

    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        labels, mask = batch["labels"], batch["attention_mask"]
        return {
            "soft_target": lambda: self._soft_target(student.logits, teacher.logits, labels),
            "hidden": lambda: self._hidden(student.hidden_states, teacher.hidden_states, mask),
            "hard_label": lambda: self._hard_label(student.logits, labels),
        }

    def _soft_target(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if not self.multi_label:
            return soft_target_kl(at_labels(student, labels), at_labels(teacher, labels), self.temperature)
        counted = labels != IGNORED
        student, teacher = (logits[counted].float() / self.temperature for logits in (student, teacher))
        return binary_cross_entropy_with_logits(student, teacher.sigmoid()) * self.temperature**2

    def _hard_label(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if not self.multi_label:
            return hard_labels(logits, labels)
        counted = labels != IGNORED
        return binary_cross_entropy_with_logits(logits[counted].float(), labels[counted].float())

    def _hidden(
        self, student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor], attention_mask: torch.Tensor
    ) -> torch.Tensor:
        outputs = [0, *(layer + 1 for layer in self.layers)]
        pairs = zip(student, outputs, strict=True)
        losses = [hidden_mse(self.projection(states), teacher[output], attention_mask) for states, output in pairs]
        return torch.stack(losses).mean()


def _check_labels(student_config: Any, teacher_config: Any) -> None:
    student_labels, teacher_labels = map(_labels_of, (student_config, teacher_config))
    if student_labels != teacher_labels:
        raise WrongPair(
            f"task needs the same labels in both models: {describe('student', student_config)} has {student_labels} "
            f"and {describe('teacher', teacher_config)} {teacher_labels}; fine-tune the teacher on the same labels"
        )


def _labels_of(config: Any) -> str:
    names = ", ".join(config.id2label[index] for index in sorted(config.id2label))
    return f"{names} (independent of each other)" if _is_multi_label(config) else names


def _is_multi_label(config: Any) -> bool:
    return getattr(config, "problem_type", None) == _MULTI_LABEL


OBJECTIVE = TaskObjective
