"""The layer-to-layer objective of MiniALBERT and CompactBioBERT."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from ..contract import Needs, Unit, check_same, check_temperature, check_vocabulary, check_weights, weigh
from ..layers import map_layers
from ..losses import at_labels, attention_kl, hard_labels, hidden_cosine, soft_target_kl


class LayerwiseObjective(nn.Module):
    """Distillation of every layer (Nouriborji et al., 2022, https://arxiv.org/abs/2210.06425), weighted 1-3-5.

    With k teacher layers to one of the student, maps A, layer outputs h and logits z:

    loss = CE(z_s, labels) + 3 sum over l of [KL(A_t[k l + k - 1] || A_s[l]) + 1 - cos(h_s[l], h_t[k l + k - 1])]
    + 5 KL(softmax(z_t) || softmax(z_s)).

    The maps' divergence is the mean over all elements of the rows of attended tokens, the cosine the mean over attended
    tokens; labels and soft targets count at masked tokens. ``embedding_ablation`` adds one less the cosine of the
    embedding outputs. Needs logits, hidden states of equal width, and attention maps with as many heads on both sides.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        mlm: Weight of the labels.
        attention: Weight of the attention maps.
        hidden: Weight of the layer outputs.
        output: Weight of the soft targets.
        embedding_ablation: Weight of the embedding outputs.
        temperature: What both logits are divided by for the soft targets.
        layers: The teacher's layer, from 0, for each of the student's; by default the last of as many equal runs.

    Raises:
        WrongPair: Vocabularies, widths or numbers of heads differ, or layers that cannot be paired.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "layerwise"
    units: ClassVar[Mapping[str, Unit]] = {
        "mlm": Unit.LABELLED,
        "attention": Unit.ATTENDED,
        "hidden": Unit.ATTENDED,
        "output": Unit.LABELLED,
        "embedding_ablation": Unit.ATTENDED,
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        mlm: float = 1.0,
        attention: float = 3.0,
        hidden: float = 3.0,
        output: float = 5.0,
        embedding_ablation: float = 0.0,
        temperature: float = 1.0,
        layers: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.weights = {
            "mlm": mlm,
            "attention": attention,
            "hidden": hidden,
            "output": output,
            "embedding_ablation": embedding_ablation,
        }
        check_weights(self.name, self.weights)
        check_temperature(self.name, temperature)
        check_vocabulary(self.name, student_config, teacher_config)
        if attention:
            check_same(self.name, student_config, teacher_config, "num_attention_heads", "compares attention maps")
        if hidden or embedding_ablation:
            check_same(self.name, student_config, teacher_config, "hidden_size", "compares hidden states")
        self.layers = map_layers(self.name, student_config, teacher_config, layers)
        self.temperature = temperature
        self.needs = Needs(
            student_logits=bool(mlm or output),
            teacher_logits=bool(output),
            hidden_states=bool(hidden or embedding_ablation),
            attentions=bool(attention),
            one_length=bool(attention),
        )

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        labels, mask = batch["labels"], batch["attention_mask"]
        own, other = student_outputs, teacher_outputs
        return weigh(
            self.weights,
            {
                "mlm": lambda: hard_labels(own.logits, labels),
                "attention": lambda: torch.stack(
                    [attention_kl(own.attentions[s], other.attentions[t], mask) for s, t in enumerate(self.layers)]
                ).sum(),
                "hidden": lambda: torch.stack(
                    [
                        hidden_cosine(own.hidden_states[s + 1], other.hidden_states[t + 1], mask)
                        for s, t in enumerate(self.layers)
                    ]
                ).sum(),
                "output": lambda: soft_target_kl(
                    at_labels(own.logits, labels), at_labels(other.logits, labels), self.temperature
                ),
                "embedding_ablation": lambda: hidden_cosine(own.hidden_states[0], other.hidden_states[0], mask),
            },
        )


OBJECTIVE = LayerwiseObjective
