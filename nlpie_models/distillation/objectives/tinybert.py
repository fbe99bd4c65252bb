"""TinyBERT's objective: attention maps and hidden states, layer by layer, for a student of its own width."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import mse_loss

from ..contract import Needs, Unit, check_same, check_temperature, check_vocabulary, check_weights, weigh
from ..layers import map_layers
from ..losses import at_labels, hidden_mse, soft_cross_entropy


class TinyBertObjective(nn.Module):
    """Distillation as TinyBERT's (Jiao et al., 2020, https://arxiv.org/abs/1909.10351), in a single stage.

    With k teacher layers to one of the student, maps A, hidden states h (h_0 is the embeddings') and logits z:

    loss = sum over l of MSE(A_s[l], A_t[k l + k - 1]) + sum over l from 0 of MSE(P h_s[l], h_t[k l])
    + CE(z_s / T, softmax(z_t / T)), with T = 1.

    One linear layer P, kept as ``projection`` and trained with the student, serves all layers. Attention maps and
    hidden states are means over all elements, padding included, as the authors'; the soft cross-entropy counts at
    masked tokens. Needs logits, hidden states, and attention maps with as many heads on both sides.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        attention: Weight of the attention maps.
        hidden: Weight of the hidden states.
        soft_target: Weight of the soft cross-entropy.
        temperature: T.
        layers: The teacher's layer, from 0, for each of the student's; by default the last of as many equal runs.

    Raises:
        WrongPair: Vocabularies or numbers of heads differ, or layers that cannot be paired.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "tinybert"
    units: ClassVar[Mapping[str, Unit]] = {
        "attention": Unit.SEQUENCES,
        "hidden": Unit.SEQUENCES,
        "soft_target": Unit.LABELLED,
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        attention: float = 1.0,
        hidden: float = 1.0,
        soft_target: float = 1.0,
        temperature: float = 1.0,
        layers: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.weights = {"attention": attention, "hidden": hidden, "soft_target": soft_target}
        check_weights(self.name, self.weights)
        check_temperature(self.name, temperature)
        check_vocabulary(self.name, student_config, teacher_config)
        if attention:
            check_same(self.name, student_config, teacher_config, "num_attention_heads", "compares attention maps")
        self.layers = map_layers(self.name, student_config, teacher_config, layers)
        self.projection = nn.Linear(student_config.hidden_size, teacher_config.hidden_size)
        self.temperature = temperature
        self.needs = Needs(
            student_logits=bool(soft_target),
            teacher_logits=bool(soft_target),
            hidden_states=bool(hidden),
            attentions=bool(attention),
            one_length=bool(attention or hidden),
        )

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        labels = batch["labels"]
        return weigh(
            self.weights,
            {
                "attention": lambda: self._attention(student_outputs.attentions, teacher_outputs.attentions),
                "hidden": lambda: self._hidden(student_outputs.hidden_states, teacher_outputs.hidden_states),
                "soft_target": lambda: soft_cross_entropy(
                    at_labels(student_outputs.logits, labels),
                    at_labels(teacher_outputs.logits, labels),
                    self.temperature,
                ),
            },
        )

    def _attention(self, student: tuple[torch.Tensor, ...], teacher: tuple[torch.Tensor, ...]) -> torch.Tensor:
        pairs = zip(student, self.layers, strict=True)
        return torch.stack([mse_loss(own.float(), teacher[layer].float()) for own, layer in pairs]).sum()

    def _hidden(self, student: tuple[torch.Tensor, ...], teacher: tuple[torch.Tensor, ...]) -> torch.Tensor:
        outputs = [0, *(layer + 1 for layer in self.layers)]
        pairs = zip(student, outputs, strict=True)
        return torch.stack([hidden_mse(self.projection(own), teacher[index]) for own, index in pairs]).sum()


OBJECTIVE = TinyBertObjective
