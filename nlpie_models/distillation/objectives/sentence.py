"""Sentence vectors: a masked language model keeps, or gets, those of an encoder that was trained for them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from ..contract import Needs, Unit, check_same, check_vocabulary, check_weights, weigh
from ..losses import hard_labels, mean_vectors, vector_cosine


class SentenceObjective(nn.Module):
    """Distillation of sentence vectors (after Reimers and Gurevych, 2020, https://arxiv.org/abs/2004.09813).

    loss = CE(z_s, labels) + 5 (1 - cos(mean h_s, mean h_t)) + 5 (1 - cos(h_s[first], h_t[first])).

    h are the last hidden states, the mean is over attended tokens. The teacher reads the text without masks, so that
    the student also learns what a text is about from what is left of it. Labels count at masked tokens; the cosines are
    means over sequences. With the start of a continued pretraining as the teacher, it is an anchor: masked language
    modelling alone turns the vectors of a sentence encoder away. Needs hidden states of equal width, the student's
    logits, no attention maps; depths may differ.

    Args:
        student_config: The student's.
        teacher_config: The teacher's.
        mlm: Weight of the labels.
        mean: Weight of the mean vectors.
        first: Weight of the first token's.

    Raises:
        WrongPair: Vocabularies, or the widths of hidden states, differ.
        ValueError: Weights that make no loss.
    """

    name: ClassVar[str] = "sentence"
    units: ClassVar[Mapping[str, Unit]] = {"mlm": Unit.LABELLED, "mean": Unit.SEQUENCES, "first": Unit.SEQUENCES}

    def __init__(
        self, student_config: Any, teacher_config: Any, *, mlm: float = 1.0, mean: float = 5.0, first: float = 5.0
    ) -> None:
        super().__init__()
        self.weights = {"mlm": mlm, "mean": mean, "first": first}
        check_weights(self.name, self.weights)
        check_vocabulary(self.name, student_config, teacher_config)
        if mean or first:
            check_same(self.name, student_config, teacher_config, "hidden_size", "compares sentence vectors")
        self.needs = Needs(
            student_logits=bool(mlm), teacher_logits=False, hidden_states=bool(mean or first), unmasked_teacher=True
        )

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        labels, mask = batch["labels"], batch["attention_mask"]

        def compare(pool: Any) -> torch.Tensor:
            return vector_cosine(pool(student_outputs.hidden_states[-1]), pool(teacher_outputs.hidden_states[-1]))

        return weigh(
            self.weights,
            {
                "mlm": lambda: hard_labels(student_outputs.logits, labels),
                "mean": lambda: compare(lambda states: mean_vectors(states, mask)),
                "first": lambda: compare(lambda states: states[:, 0]),
            },
        )


OBJECTIVE = SentenceObjective
