"""MiniLMv2's objective: how the tokens relate to each other in one layer, whatever the widths."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from ...errors import WrongPair
from ..contract import Needs, Unit, check_vocabulary, check_weights, describe, weigh
from ..losses import hard_labels, relation_kl

_MOST_HEADS = 48
_RELATIONS = ("query", "key", "value")


class MiniLmObjective(nn.Module):
    """Self-attention relation distillation (MiniLMv2; Wang et al., 2021, https://arxiv.org/abs/2012.15828).

    The queries X (also keys, values) of all heads of one layer are joined and cut anew into R relation heads of width
    d; their relations are softmax(X X' / sqrt(d)) (L, L). With the student's last layer and one of the teacher:

    loss = sum over query, key, value of KL(relations_t || relations_s) + CE(z_s, labels).

    The divergence is the mean over relation heads and attended tokens, and padding is nothing to relate to; labels
    count at masked tokens. The paper has no labels (``mlm=0``); a student that is to be a masked language model needs
    them, as nothing else trains its head. Widths, heads and depths may differ. Needs the two layers' queries, keys and
    values (``outputs.projections``), the student's logits, no attention maps.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        query: Weight of the relations among queries.
        key: Weight of those among keys.
        value: Weight of those among values.
        mlm: Weight of the labels.
        relation_heads: R; by default the largest number up to the paper's 48 that divides both widths.
        teacher_layer: The teacher's layer, from 0; by default the last, as the paper has it for base-sized teachers.

    Raises:
        WrongPair: Vocabularies differ, relation heads do not divide the widths, or the teacher has no such layer.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "minilm"
    units: ClassVar[Mapping[str, Unit]] = {
        **dict.fromkeys(_RELATIONS, Unit.ATTENDED),
        "mlm": Unit.LABELLED,
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        query: float = 1.0,
        key: float = 1.0,
        value: float = 1.0,
        mlm: float = 1.0,
        relation_heads: int | None = None,
        teacher_layer: int | None = None,
    ) -> None:
        super().__init__()
        self.weights = {"query": query, "key": key, "value": value, "mlm": mlm}
        check_weights(self.name, self.weights)
        check_vocabulary(self.name, student_config, teacher_config)
        widths = student_config.hidden_size, teacher_config.hidden_size
        self.relation_heads = relation_heads or _largest_common_divisor(*widths)
        sides = describe("student", student_config), describe("teacher", teacher_config)
        if any(width % self.relation_heads for width in widths):
            raise WrongPair(
                f"minilm cuts both widths into {self.relation_heads} relation heads: {sides[0]} has hidden_size "
                f"{widths[0]} and {sides[1]} {widths[1]}; choose a number that divides both"
            )
        depths = student_config.num_hidden_layers, teacher_config.num_hidden_layers
        layer = depths[1] - 1 if teacher_layer is None else teacher_layer
        if not 0 <= layer < depths[1]:
            raise WrongPair(
                f"minilm teaches the last layer of {sides[0]} from layer {layer}, and {sides[1]} has layers 0 to "
                f"{depths[1] - 1}"
            )
        self.needs = Needs(
            student_logits=bool(mlm),
            teacher_logits=False,
            projections=(depths[0] - 1, layer) if query or key or value else None,
        )

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        def relate(index: int) -> torch.Tensor:
            own, other = student_outputs.projections[index], teacher_outputs.projections[index]
            return relation_kl(own, other, batch["attention_mask"], self.relation_heads)

        return weigh(
            self.weights,
            {
                "query": lambda: relate(0),
                "key": lambda: relate(1),
                "value": lambda: relate(2),
                "mlm": lambda: hard_labels(student_outputs.logits, batch["labels"]),
            },
        )


def _largest_common_divisor(*widths: int) -> int:
    return max(number for number in range(1, _MOST_HEADS + 1) if not any(width % number for width in widths))


OBJECTIVE = MiniLmObjective
