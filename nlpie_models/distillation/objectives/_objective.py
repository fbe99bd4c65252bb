"""The base class of the distillation objectives: a loss that is the sum of named and weighted parts."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import reduce
from operator import or_
from typing import Any, ClassVar

import torch
from torch import nn

from ...util.targets import IGNORED
from ..pairing import check_same


class Unit(IntEnum):
    """What a part is a mean over. The trainer averages each part over all batches and processes of a step by it."""

    LABELLED = 0
    ATTENDED = 1
    SEQUENCES = 2


def count_units(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the number (3,) of labels that count, of attended tokens, and of sequences in a batch."""
    labels, mask = batch["labels"], batch["attention_mask"]
    return torch.stack([(labels != IGNORED).sum(), mask.sum(), mask.new_tensor(len(mask))])


@dataclass(frozen=True)
class Needs:
    """What an objective reads of the two models, so that nothing else is computed.

    Attributes:
        student_logits: The logits of the student's head, which are then trained.
        teacher_logits: The logits of the teacher's head.
        hidden_states: The output of the embeddings and of every layer, (B, L, H) each.
        attentions: The attention maps after the softmax, (B, A, L, L) each. Both models then run eager attention.
        projections: The layer of the student and that of the teacher, from 0, whose queries, keys and values
            (B, L, H) are read as ``outputs.projections``.
        one_length: A mean includes padding, so every batch is padded to the same length. Otherwise the loss would
            depend on how a step is cut into batches.
        unmasked_teacher: The teacher reads the original tokens where the student reads masks.
    """

    student_logits: bool = False
    teacher_logits: bool = False
    hidden_states: bool = False
    attentions: bool = False
    projections: tuple[int, int] | None = None
    one_length: bool = False
    unmasked_teacher: bool = False

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(*(getattr(self, field.name) or getattr(other, field.name) for field in fields(Needs)))


@dataclass(frozen=True)
class Part:
    """One term of a loss.

    Attributes:
        weight: Its weight unless the user chooses another; 0 leaves it out.
        unit: What it is a mean over.
        needs: What it reads of the two models.
    """

    weight: float
    unit: Unit
    needs: Needs


class Objective(nn.Module, ABC):
    """What a student learns from its teacher; a subclass, in a module of its own, adds an objective.

    The subclass sets ``name``, ``summary``, ``source`` and ``parts``, and computes the parts in :meth:`losses`. If it
    has options besides the weights, its constructor takes them as keywords and passes ``**weights`` on to this one.

    Args:
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        **weights: Weights of parts by name, instead of their defaults.

    Attributes:
        name: The name that users choose it by.
        summary: The parts in words, as the card of a distilled checkpoint tells them.
        source: Address of the paper.
        parts: The parts by name.
        weights: The weight of each part by name.
        needs: What the parts with a weight read of the two models.

    Raises:
        WrongPair: The vocabularies of student and teacher differ.
        ValueError: A weight of an unknown part, a negative one, or none over 0.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    parts: ClassVar[Mapping[str, Part]]

    def __init__(self, student_config: Any, teacher_config: Any, **weights: float) -> None:
        super().__init__()
        for option in weights.keys() - self.parts.keys():
            known = ", ".join([*self.parts, *_keyword_options(type(self))])
            raise ValueError(f"objective {self.name} has no option {option!r}; its options: {known}")
        self.weights = {name: part.weight for name, part in self.parts.items()} | weights
        if min(self.weights.values()) < 0 or not any(self.weights.values()):
            raise ValueError(f"{self.name}: expected weights of 0 or more, and one over 0, got {self.weights}")
        check_same(self.name, student_config, teacher_config, "vocab_size", "needs the same word pieces in both models")
        self.needs = reduce(or_, (part.needs for name, part in self.parts.items() if self.weights[name]))

    def forward(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Return the weighted parts by name, those of weight 0 left out; their sum is the loss.

        Args:
            student_outputs: What the student returns, with what ``needs`` names. Logits come for all tokens (B, L, V),
                or for the N labelled tokens alone (N, V).
            teacher_outputs: What the teacher returns, likewise.
            batch: ``attention_mask`` (B, L) and ``labels``, which are -100 where they do not count.
        """
        losses = self.losses(student_outputs, teacher_outputs, batch)
        return {name: weight * losses[name]() for name, weight in self.weights.items() if weight}

    @abstractmethod
    def losses(
        self, student: Any, teacher: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, Callable[[], torch.Tensor]]:
        """Return, for each part by name, the function that computes it unweighted, from what ``forward`` is given."""


def check_temperature(objective: str, temperature: float) -> None:
    """Refuse a temperature by which logits cannot be divided, or whose sign turns them around.

    Raises:
        ValueError: It is not over 0.
    """
    if not temperature > 0:
        raise ValueError(f"{objective}: expected a temperature over 0, got {temperature}")


def _keyword_options(objective: type[Objective]) -> list[str]:
    parameters = inspect.signature(objective).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
