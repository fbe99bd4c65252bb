"""DistilBERT's objective: soft targets, masked language modelling and the direction of the last hidden state."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from ..contract import Needs, Unit, check_same, check_temperature, check_vocabulary, check_weights, weigh
from ..losses import at_labels, hard_labels, hidden_cosine, soft_target_kl


class DistilBertObjective(nn.Module):
    """Distillation as DistilBERT's (Sanh et al., 2019, https://arxiv.org/abs/1910.01108), with the clinical weights.

    loss = 5 T^2 KL(softmax(z_t / T) || softmax(z_s / T)) + 2 CE(z_s, labels) + (1 - cos(h_s, h_t)), with T = 2.

    Soft targets and labels count at masked tokens, the cosine of the last hidden states at attended tokens; each is a
    mean. Needs logits and hidden states of equal width, no attention maps.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        soft_target: Weight of the soft targets.
        mlm: Weight of the labels.
        hidden_cosine: Weight of the cosine; 0 for widths that differ.
        temperature: T.

    Raises:
        WrongPair: Vocabularies, or the widths of hidden states, differ.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "distilbert"
    units: ClassVar[Mapping[str, Unit]] = {
        "soft_target": Unit.LABELLED,
        "mlm": Unit.LABELLED,
        "hidden_cosine": Unit.ATTENDED,
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        soft_target: float = 5.0,
        mlm: float = 2.0,
        hidden_cosine: float = 1.0,
        temperature: float = 2.0,
    ) -> None:
        super().__init__()
        self.weights = {"soft_target": soft_target, "mlm": mlm, "hidden_cosine": hidden_cosine}
        check_weights(self.name, self.weights)
        check_temperature(self.name, temperature)
        check_vocabulary(self.name, student_config, teacher_config)
        if hidden_cosine:
            check_same(self.name, student_config, teacher_config, "hidden_size", "compares hidden states")
        self.temperature = temperature
        self.needs = Needs(
            student_logits=bool(soft_target or mlm),
            teacher_logits=bool(soft_target),
            hidden_states=bool(hidden_cosine),
        )

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        labels = batch["labels"]
        return weigh(
            self.weights,
            {
                "soft_target": lambda: soft_target_kl(
                    at_labels(student_outputs.logits, labels),
                    at_labels(teacher_outputs.logits, labels),
                    self.temperature,
                ),
                "mlm": lambda: hard_labels(student_outputs.logits, labels),
                "hidden_cosine": lambda: hidden_cosine(
                    student_outputs.hidden_states[-1], teacher_outputs.hidden_states[-1], batch["attention_mask"]
                ),
            },
        )


OBJECTIVE = DistilBertObjective
