"""The layer-to-layer objective of MiniALBERT and CompactBioBERT."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch

from ..losses import at_labels, attention_kl, hard_labels, hidden_cosine, soft_target_kl
from ..pairing import check_same, map_layers
from ._objective import Needs, Objective, Part, Unit, check_temperature


class LayerwiseObjective(Objective):
    """Distillation of every layer (Nouriborji et al., 2022, https://arxiv.org/abs/2210.06425), weighted 1-3-5.

    With logits z, attention maps A[l] and hidden states h[l] of layer l, of the student (s) and the teacher (t), and
    t(l) the teacher's layer for layer l, the loss is the weighted sum of

    - ``mlm``: CE(z_s, labels), the mean over masked tokens;
    - ``attention``: the sum over l of KL(A_t[t(l)] || A_s[l]), the mean over all elements of attended rows;
    - ``hidden``: the sum over l of 1 - cos(h_s[l], h_t[t(l)]), the mean over attended tokens;
    - ``output``: T^2 KL(softmax(z_t / T) || softmax(z_s / T)), the mean over masked tokens;
    - ``embedding_ablation`` (0 unless chosen): 1 - cos of the outputs of the embeddings, the mean over attended tokens.

    Args:
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        temperature: T.
        layers: t(l), from 0, for each student layer; see :func:`~nlpie_models.distillation.pairing.map_layers`.
        **weights: Weights of the parts.

    Raises:
        WrongPair: The vocabularies, the widths or the numbers of attention heads differ, or the layers cannot be
            mapped.
        ValueError: A weight or a temperature that makes no loss.
    """

    name = "layerwise"
    summary = (
        "masked language modelling; attention maps and hidden states of the teacher, layer by layer; its soft "
        "predictions"
    )
    source = "https://arxiv.org/abs/2210.06425"
    parts: ClassVar = {
        "mlm": Part(1.0, Unit.LABELLED, Needs(student_logits=True)),
        "attention": Part(3.0, Unit.ATTENDED, Needs(attentions=True, one_length=True)),
        "hidden": Part(3.0, Unit.ATTENDED, Needs(hidden_states=True)),
        "output": Part(5.0, Unit.LABELLED, Needs(student_logits=True, teacher_logits=True)),
        "embedding_ablation": Part(0.0, Unit.ATTENDED, Needs(hidden_states=True)),
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
        if self.needs.hidden_states:
            check_same(self.name, student_config, teacher_config, "hidden_size", "compares hidden states")
        self.layers = map_layers(self.name, student_config, teacher_config, layers)
        self.temperature = temperature

    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        labels, mask = batch["labels"], batch["attention_mask"]

        def attention() -> torch.Tensor:
            pairs = zip(student.attentions, self.layers, strict=True)
            return torch.stack([attention_kl(maps, teacher.attentions[layer], mask) for maps, layer in pairs]).sum()

        def hidden() -> torch.Tensor:
            pairs = zip(student.hidden_states[1:], self.layers, strict=True)
            states_of = teacher.hidden_states[1:]
            return torch.stack([hidden_cosine(states, states_of[layer], mask) for states, layer in pairs]).sum()

        return {
            "mlm": lambda: hard_labels(student.logits, labels),
            "attention": attention,
            "hidden": hidden,
            "output": lambda: soft_target_kl(
                at_labels(student.logits, labels), at_labels(teacher.logits, labels), self.temperature
            ),
            "embedding_ablation": lambda: hidden_cosine(student.hidden_states[0], teacher.hidden_states[0], mask),
        }


OBJECTIVE = LayerwiseObjective
