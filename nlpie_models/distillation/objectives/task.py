"""Distillation of a fine-tuned teacher: its soft targets and hidden states, beside the hard labels."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ...errors import WrongPair
from ..contract import IGNORED, Needs, Unit, check_temperature, check_vocabulary, check_weights, describe, weigh
from ..layers import map_layers
from ..losses import at_labels, hard_labels, hidden_mse, soft_target_kl

_MULTI_LABEL = "multi_label_classification"


class TaskObjective(nn.Module):
    """Task distillation for token and sequence classification (Hinton et al., 2015, https://arxiv.org/abs/1503.02531).

    With k teacher layers to one of the student, hidden states h (h_0 is the embeddings') and logits z of equal labels:

    loss = T^2 KL(softmax(z_t / T) || softmax(z_s / T)) + mean over l from 0 of MSE(P h_s[l], h_t[k l])
    + CE(z_s, labels), with T = 2; hidden states as TinyBERT's second stage (https://arxiv.org/abs/1909.10351).

    P is a linear layer, kept as ``projection``, where the widths differ, and nothing where they do not. Soft targets
    and labels count where a label is not -100, hidden states at attended tokens. Labels that are independent of each
    other (``problem_type``) have T^2 times the binary cross-entropy with the teacher's sigmoids in the place of KL.
    Needs logits of token (B, L, C) or sequence (B, C) classifiers and hidden states, no attention maps.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        soft_target: Weight of the soft targets.
        hidden: Weight of the hidden states.
        hard_label: Weight of the labels.
        temperature: T.
        layers: The teacher's layer, from 0, for each of the student's; by default the last of as many equal runs.

    Raises:
        WrongPair: Vocabularies or labels differ, or layers that cannot be paired.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "task"
    units: ClassVar[Mapping[str, Unit]] = {
        "soft_target": Unit.LABELLED,
        "hidden": Unit.ATTENDED,
        "hard_label": Unit.LABELLED,
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        soft_target: float = 1.0,
        hidden: float = 1.0,
        hard_label: float = 1.0,
        temperature: float = 2.0,
        layers: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.weights = {"soft_target": soft_target, "hidden": hidden, "hard_label": hard_label}
        check_weights(self.name, self.weights)
        check_temperature(self.name, temperature)
        check_vocabulary(self.name, student_config, teacher_config)
        _check_labels(student_config, teacher_config)
        widths = student_config.hidden_size, teacher_config.hidden_size
        self.layers = map_layers(self.name, student_config, teacher_config, layers) if hidden else []
        self.projection = nn.Linear(*widths) if hidden and widths[0] != widths[1] else nn.Identity()
        self.temperature = temperature
        self.multi_label = _is_multi_label(student_config)
        self.needs = Needs(
            student_logits=bool(soft_target or hard_label),
            teacher_logits=bool(soft_target),
            hidden_states=bool(hidden),
        )

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        labels = batch["labels"]
        return weigh(
            self.weights,
            {
                "soft_target": lambda: self._soft_target(student_outputs.logits, teacher_outputs.logits, labels),
                "hidden": lambda: self._hidden(student_outputs, teacher_outputs, batch["attention_mask"]),
                "hard_label": lambda: self._hard_label(student_outputs.logits, labels),
            },
        )

    def _soft_target(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if not self.multi_label:
            return soft_target_kl(at_labels(student, labels), at_labels(teacher, labels), self.temperature)
        own, other = (logits[labels != IGNORED].float() / self.temperature for logits in (student, teacher))
        return binary_cross_entropy_with_logits(own, other.sigmoid()) * self.temperature**2

    def _hard_label(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if not self.multi_label:
            return hard_labels(logits, labels)
        counted = labels != IGNORED
        return binary_cross_entropy_with_logits(logits[counted].float(), labels[counted].float())

    def _hidden(self, student: Any, teacher: Any, attention_mask: torch.Tensor) -> torch.Tensor:
        outputs = [0, *(layer + 1 for layer in self.layers)]
        pairs = zip(student.hidden_states, outputs, strict=True)
        losses = [
            hidden_mse(self.projection(own), teacher.hidden_states[index], attention_mask) for own, index in pairs
        ]
        return torch.stack(losses).mean()


def _check_labels(student: Any, teacher: Any) -> None:
    own, other = map(_labels_of, (student, teacher))
    if own != other:
        raise WrongPair(
            f"task gives both models the same labels: {describe('student', student)} has {own} and "
            f"{describe('teacher', teacher)} {other}; fine-tune the teacher on the same labels"
        )


def _labels_of(config: Any) -> str:
    names = ", ".join(config.id2label[index] for index in sorted(config.id2label))
    return f"{names} (independent of each other)" if _is_multi_label(config) else names


def _is_multi_label(config: Any) -> bool:
    return getattr(config, "problem_type", None) == _MULTI_LABEL


OBJECTIVE = TaskObjective
