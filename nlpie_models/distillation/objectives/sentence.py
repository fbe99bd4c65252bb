"""Sentence vectors: a masked language model keeps, or learns, those of an encoder that was trained for them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from ..losses import hard_labels, mean_vectors, vector_cosine
from ._objective import Needs, Objective, Part, Unit

_VECTORS = Needs(hidden_states=True, unmasked_teacher=True)


class SentenceObjective(Objective):
    """Distillation of sentence vectors (after Reimers and Gurevych, 2020, https://arxiv.org/abs/2004.09813).

    With the last hidden states h of the student (s) and the teacher (t), their first token h[0], and their mean over
    attended tokens, the loss is the weighted sum of

    - ``mlm``: CE(z_s, labels), the mean over masked tokens;
    - ``mean``: 1 - cos(mean P h_s, mean h_t), the mean over sequences;
    - ``first``: 1 - cos(P h_s[0], h_t[0]), the mean over sequences;
    - ``summary`` (0 unless chosen): 1 - cos(P h_s[0], mean h_t), the mean over sequences. It gathers in the student's
      first token what the teacher knows in the mean of all, for a student that is to become a classifier.

    P is a linear layer without bias that is trained with the student, or the identity between equal widths. The teacher
    reads the text without masks, so the student also learns what a text is about from the tokens that are left.

    With the start of a continued pretraining as the teacher, this objective is an anchor: masked language modelling
    alone would change the vectors of a sentence encoder.

    Args:
        student_config: Config of the student; its width and depth may differ from the teacher's.
        teacher_config: Config of the teacher.
        **weights: Weights of the parts.

    Raises:
        WrongPair: The vocabularies differ.
        ValueError: A weight that makes no loss.
    """

    name = "sentence"
    summary = "sentence vectors of the teacher (the mean and the first token), and masked language modelling"
    source = "https://arxiv.org/abs/2004.09813"
    parts: ClassVar = {
        "mlm": Part(1.0, Unit.LABELLED, Needs(student_logits=True, unmasked_teacher=True)),
        "mean": Part(5.0, Unit.SEQUENCES, _VECTORS),
        "first": Part(5.0, Unit.SEQUENCES, _VECTORS),
        "summary": Part(0.0, Unit.SEQUENCES, _VECTORS),
    }

    def __init__(self, student_config: Any, teacher_config: Any, **weights: float) -> None:
        super().__init__(student_config, teacher_config, **weights)
        widths = student_config.hidden_size, teacher_config.hidden_size
        projects = self.needs.hidden_states and widths[0] != widths[1]
        self.projection = nn.Linear(*widths, bias=False) if projects else nn.Identity()

    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        def mean(outputs: Any) -> torch.Tensor:
            return mean_vectors(outputs.hidden_states[-1], batch["attention_mask"])

        def first(outputs: Any) -> torch.Tensor:
            return outputs.hidden_states[-1][:, 0]

        return {
            "mlm": lambda: hard_labels(student.logits, batch["labels"]),
            "mean": lambda: vector_cosine(self.projection(mean(student)), mean(teacher)),
            "first": lambda: vector_cosine(self.projection(first(student)), first(teacher)),
            "summary": lambda: vector_cosine(self.projection(first(student)), mean(teacher)),
        }


OBJECTIVE = SentenceObjective
