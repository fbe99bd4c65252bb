"""MiniLMv2's objective: how the tokens relate to each other in one layer, whatever the widths of the two models."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch

from ...errors import WrongPair
from ..losses import hard_labels, relation_kl
from ..pairing import describe
from ._objective import Needs, Objective, Part, Unit

_MOST_HEADS = 48
_LAST_LAYERS = Needs(projections=(-1, -1))


class MiniLmObjective(Objective):
    """Self-attention relation distillation (MiniLMv2; Wang et al., 2021, https://arxiv.org/abs/2012.15828).

    The queries X of all heads of one layer are joined and cut anew into R relation heads of width d; their relations
    are softmax(X X' / sqrt(d)) (L, L). The same is done with keys and with values. With the student's last layer and
    one layer of the teacher, the loss is the weighted sum of

    - ``query``, ``key``, ``value``: KL(relations_t || relations_s), the mean over relation heads and attended tokens,
      padding left out;
    - ``mlm``: CE(z_s, labels), the mean over masked tokens.

    The paper has no ``mlm``; but nothing else trains the head of a student that is saved as a masked language model.

    Args:
        student_config: Config of the student; its width, heads and depth may differ from the teacher's.
        teacher_config: Config of the teacher.
        relation_heads: R; by default the largest number up to the paper's 48 that divides both widths.
        teacher_layer: The teacher's layer, from 0; by default the last, which the paper chooses for base-sized
            teachers.
        **weights: Weights of the parts.

    Raises:
        WrongPair: The vocabularies differ, R does not divide both widths, or the teacher has no such layer.
        ValueError: A weight that makes no loss.
    """

    name = "minilm"
    summary = "relations among the queries, keys and values of one layer of the teacher, and masked language modelling"
    source = "https://arxiv.org/abs/2012.15828"
    parts: ClassVar = {
        "query": Part(1.0, Unit.ATTENDED, _LAST_LAYERS),
        "key": Part(1.0, Unit.ATTENDED, _LAST_LAYERS),
        "value": Part(1.0, Unit.ATTENDED, _LAST_LAYERS),
        "mlm": Part(1.0, Unit.LABELLED, Needs(student_logits=True)),
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        relation_heads: int | None = None,
        teacher_layer: int | None = None,
        **weights: float,
    ) -> None:
        super().__init__(student_config, teacher_config, **weights)
        widths = student_config.hidden_size, teacher_config.hidden_size
        depth, teacher_depth = student_config.num_hidden_layers, teacher_config.num_hidden_layers
        sides = describe("student", student_config), describe("teacher", teacher_config)
        self.relation_heads = relation_heads or _largest_common_divisor(*widths)
        if any(width % self.relation_heads for width in widths):
            raise WrongPair(
                f"minilm cuts both widths into {self.relation_heads} relation heads: {sides[0]} has hidden_size "
                f"{widths[0]} and {sides[1]} {widths[1]}; choose a number that divides both"
            )
        layer = teacher_depth - 1 if teacher_layer is None else teacher_layer
        if not 0 <= layer < teacher_depth:
            raise WrongPair(
                f"minilm teaches the last layer of {sides[0]} from layer {layer}, and {sides[1]} has layers 0 to "
                f"{teacher_depth - 1}"
            )
        if self.needs.projections:
            self.needs = replace(self.needs, projections=(depth - 1, layer))

    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        def relations(index: int) -> torch.Tensor:
            mask = batch["attention_mask"]
            return relation_kl(student.projections[index], teacher.projections[index], mask, self.relation_heads)

        return {
            "query": lambda: relations(0),
            "key": lambda: relations(1),
            "value": lambda: relations(2),
            "mlm": lambda: hard_labels(student.logits, batch["labels"]),
        }


def _largest_common_divisor(*widths: int) -> int:
    """Return the largest number up to the paper's 48 relation heads that divides all widths."""
    return max(number for number in range(1, _MOST_HEADS + 1) if not any(width % number for width in widths))


OBJECTIVE = MiniLmObjective
