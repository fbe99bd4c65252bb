"""Sentence vectors: a masked language model keeps, or gets, those of an encoder that was trained for them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn

from ..contract import Needs, Unit, check_vocabulary, check_weights, weigh
from ..losses import hard_labels, mean_vectors, vector_cosine

_Pool = Callable[[torch.Tensor], torch.Tensor]


class SentenceObjective(nn.Module):
    """Distillation of sentence vectors (after Reimers and Gurevych, 2020, https://arxiv.org/abs/2004.09813).

    loss = CE(z_s, labels) + 5 (1 - cos(mean P h_s, mean h_t)) + 5 (1 - cos(P h_s[first], h_t[first]))
    + w (1 - cos(P h_s[first], mean h_t)).

    h are the last hidden states, the mean is over attended tokens. P is a linear layer that is trained with the
    student, or nothing between equal widths. The teacher reads the text without masks, so that the student also learns
    what a text is about from what is left of it. Labels count at masked tokens; the cosines are means over sequences.
    With the start of a continued pretraining as the teacher, it is an anchor: masked language modelling alone turns the
    vectors of a sentence encoder away. The last part, of no weight by default, has a student that is to become a
    classifier gather in its first token what its teacher knows in the mean of all. Needs hidden states, the student's
    logits, no attention maps; depths and widths may differ.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        mlm: Weight of the labels.
        mean: Weight of the mean vectors.
        first: Weight of the first token's.
        summary: w, the weight of the student's first token's and the teacher's mean vectors.

    Raises:
        WrongPair: Vocabularies differ.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "sentence"
    units: ClassVar[Mapping[str, Unit]] = {
        "mlm": Unit.LABELLED,
        "mean": Unit.SEQUENCES,
        "first": Unit.SEQUENCES,
        "summary": Unit.SEQUENCES,
    }

    def __init__(
        self,
        student_config: Any,
        teacher_config: Any,
        *,
        mlm: float = 1.0,
        mean: float = 5.0,
        first: float = 5.0,
        summary: float = 0.0,
    ) -> None:
        super().__init__()
        self.weights = {"mlm": mlm, "mean": mean, "first": first, "summary": summary}
        check_weights(self.name, self.weights)
        check_vocabulary(self.name, student_config, teacher_config)
        vectors = bool(mean or first or summary)
        own, other = student_config.hidden_size, teacher_config.hidden_size
        self.projection = nn.Linear(own, other, bias=False) if vectors and own != other else nn.Identity()
        self.needs = Needs(student_logits=bool(mlm), teacher_logits=False, hidden_states=vectors, unmasked_teacher=True)

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        mean = partial(mean_vectors, attention_mask=batch["attention_mask"])

        def compare(own: _Pool, other: _Pool) -> torch.Tensor:
            student, teacher = (outputs.hidden_states[-1] for outputs in (student_outputs, teacher_outputs))
            return vector_cosine(self.projection(own(student)), other(teacher))

        return weigh(
            self.weights,
            {
                "mlm": lambda: hard_labels(student_outputs.logits, batch["labels"]),
                "mean": lambda: compare(mean, mean),
                "first": lambda: compare(_first, _first),
                "summary": lambda: compare(_first, mean),
            },
        )


def _first(states: torch.Tensor) -> torch.Tensor:
    return states[:, 0]


OBJECTIVE = SentenceObjective
