"""TinyBERT's objective: attention maps and hidden states, layer by layer, for a student of another width."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import mse_loss

from ..losses import at_labels, hidden_mse, soft_cross_entropy
from ..pairing import check_same, map_layers
from ._objective import Needs, Objective, Part, Unit, check_temperature


class TinyBertObjective(Objective):
    """TinyBERT (Jiao et al., 2020, https://arxiv.org/abs/1909.10351), in a single stage.

    With logits z, attention maps A[l] and hidden states h[l] of layer l (h[-1] is the output of the embeddings), of the
    student (s) and the teacher (t), and t(l) the teacher's layer for layer l, the loss is the weighted sum of

    - ``attention``: the sum over l of MSE(A_s[l], A_t[t(l)]);
    - ``hidden``: the sum over l, the embeddings included, of MSE(P h_s[l], h_t[t(l)]);
    - ``soft_target``: CE(z_s / T, softmax(z_t / T)), the mean over masked tokens.

    P is one linear layer for all layers, kept as ``projection`` and trained with the student. The squared errors are
    means over all elements, padding included, as in the authors' code.

    Args:
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        temperature: T.
        layers: t(l), from 0, for each student layer; see :func:`~nlpie_models.distillation.pairing.map_layers`.
        **weights: Weights of the parts.

    Raises:
        WrongPair: The vocabularies or the numbers of attention heads differ, or the layers cannot be mapped.
        ValueError: A weight or a temperature that makes no loss.
    """

    name = "tinybert"
    summary = (
        "attention maps and hidden states of the teacher, layer by layer through one projection, and its soft "
        "predictions"
    )
    source = "https://arxiv.org/abs/1909.10351"
    parts: ClassVar = {
        "attention": Part(1.0, Unit.SEQUENCES, Needs(attentions=True, one_length=True)),
        "hidden": Part(1.0, Unit.SEQUENCES, Needs(hidden_states=True, one_length=True)),
        "soft_target": Part(1.0, Unit.LABELLED, Needs(student_logits=True, teacher_logits=True)),
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        temperature: float = 1.0,
        layers: Sequence[int] | None = None,
        **weights: float,
    ) -> None:
        super().__init__(student_config, teacher_config, **weights)
        check_temperature(self.name, temperature)
        if self.needs.attentions:
            check_same(self.name, student_config, teacher_config, "num_attention_heads", "compares attention maps")
        self.layers = map_layers(self.name, student_config, teacher_config, layers)
        self.projection = nn.Linear(student_config.hidden_size, teacher_config.hidden_size)
        self.temperature = temperature

    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        labels = batch["labels"]
        return {
            "attention": lambda: self._attention(student.attentions, teacher.attentions),
            "hidden": lambda: self._hidden(student.hidden_states, teacher.hidden_states),
            "soft_target": lambda: soft_cross_entropy(
                at_labels(student.logits, labels), at_labels(teacher.logits, labels), self.temperature
            ),
        }

    def _attention(self, student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor]) -> torch.Tensor:
        pairs = zip(student, self.layers, strict=True)
        return torch.stack([mse_loss(maps.float(), teacher[layer].float()) for maps, layer in pairs]).sum()

    def _hidden(self, student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor]) -> torch.Tensor:
        outputs = [0, *(layer + 1 for layer in self.layers)]
        pairs = zip(student, outputs, strict=True)
        return torch.stack([hidden_mse(self.projection(states), teacher[output]) for states, output in pairs]).sum()


OBJECTIVE = TinyBertObjective
