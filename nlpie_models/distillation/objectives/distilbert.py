"""DistilBERT's objective: soft targets, masked language modelling and the direction of the last hidden states."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch

from ..losses import at_labels, hard_labels, hidden_cosine, soft_target_kl
from ..pairing import check_same
from ._objective import Needs, Objective, Part, Unit, check_temperature


class DistilBertObjective(Objective):
    """DistilBERT (Sanh et al., 2019, https://arxiv.org/abs/1910.01108), with the weights of the clinical models.

    With logits z and last hidden states h, of the student (s) and the teacher (t), the loss is the weighted sum of

    - ``soft_target``: T^2 KL(softmax(z_t / T) || softmax(z_s / T)), the mean over masked tokens;
    - ``mlm``: CE(z_s, labels), the mean over masked tokens;
    - ``hidden_cosine``: 1 - cos(h_s, h_t), the mean over attended tokens; 0 leaves it out where the widths differ.

    Args:
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        temperature: T.
        **weights: Weights of the parts.

    Raises:
        WrongPair: The vocabularies, or the widths of the hidden states, differ.
        ValueError: A weight or a temperature that makes no loss.
    """

    name = "distilbert"
    summary = (
        "soft targets of the teacher at masked positions, masked language modelling, and the cosine of the last hidden "
        "states"
    )
    source = "https://arxiv.org/abs/1910.01108"
    parts: ClassVar = {
        "soft_target": Part(5.0, Unit.LABELLED, Needs(student_logits=True, teacher_logits=True)),
        "mlm": Part(2.0, Unit.LABELLED, Needs(student_logits=True)),
        "hidden_cosine": Part(1.0, Unit.ATTENDED, Needs(hidden_states=True)),
    }

    def __init__(self, student_config: Any, teacher_config: Any, *, temperature: float = 2.0, **weights: float) -> None:
        super().__init__(student_config, teacher_config, **weights)
        check_temperature(self.name, temperature)
        if self.needs.hidden_states:
            check_same(self.name, student_config, teacher_config, "hidden_size", "compares hidden states")
        self.temperature = temperature

    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        labels, mask = batch["labels"], batch["attention_mask"]
        return {
            "soft_target": lambda: soft_target_kl(
                at_labels(student.logits, labels), at_labels(teacher.logits, labels), self.temperature
            ),
            "mlm": lambda: hard_labels(student.logits, labels),
            "hidden_cosine": lambda: hidden_cosine(student.hidden_states[-1], teacher.hidden_states[-1], mask),
        }


OBJECTIVE = DistilBertObjective
