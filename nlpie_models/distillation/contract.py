"""What an objective is: named, weighted parts of a loss, and what it reads of the two models.

An objective is an ``nn.Module`` in a module of its own under ``objectives/``. It is made from the two configs and
keyword options, among them the weight of each part; ``forward(student_outputs, teacher_outputs, batch)`` returns the
weighted parts by name, and their sum is the loss. ``batch`` has ``attention_mask`` (B, L) and ``labels``, -100 where
they do not count. Logits come for all tokens (B, L, V), or for the N labelled ones alone (N, V), row by row.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Protocol

import torch

from ..errors import WrongPair

IGNORED = -100


class Unit(IntEnum):
    """What a part is a mean over, so that it can be the mean over all accumulated batches and processes."""

    LABELLED = 0
    ATTENDED = 1
    SEQUENCES = 2


def count_units(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return how many there are of each unit in a batch (3,): labels that count, attended tokens, sequences."""
    labels, mask = batch["labels"], batch["attention_mask"]
    return torch.stack([(labels != IGNORED).sum(), mask.sum(), mask.new_tensor(len(mask))])


@dataclass(frozen=True)
class Needs:
    """What an objective, with its weights, reads of the outputs.

    Attributes:
        student_logits: Whether it trains the student's head.
        teacher_logits: Whether it reads the teacher's head.
        hidden_states: The embedding output and that of every layer, (B, L, H) each.
        attentions: The attention maps after the softmax, (B, A, L, L) each: both models must run eager attention.
        projections: Layers of the student and of the teacher, from 0, whose queries, keys and values (B, L, H) are
            read, as ``outputs.projections``.
        one_length: Whether padding enters the means: every batch must be padded to the same length, lest the loss
            depend on how a step is cut into batches.
        unmasked_teacher: Whether the teacher reads the labels' tokens where the student reads masks.
    """

    student_logits: bool = True
    teacher_logits: bool = True
    hidden_states: bool = False
    attentions: bool = False
    projections: tuple[int, int] | None = None
    one_length: bool = False
    unmasked_teacher: bool = False


class Objective(Protocol):
    """See the module; ``units`` says of each part what it is a mean over."""

    name: ClassVar[str]
    units: ClassVar[Mapping[str, Unit]]
    needs: Needs

    def __init__(self, student_config: Any, teacher_config: Any, **weights: Any) -> None: ...

    def __call__(
        self, student_outputs: Any, teacher_outputs: Any, batch: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]: ...


def weigh(weights: Mapping[str, float], parts: Mapping[str, Callable[[], torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Compute the parts whose weight is not zero and return them weighted."""
    return {name: weights[name] * compute() for name, compute in parts.items() if weights[name]}


def check_weights(objective: str, weights: Mapping[str, float]) -> None:
    """Refuse weights that make no loss.

    Raises:
        ValueError: One is negative, or all are zero.
    """
    if min(weights.values()) < 0 or not any(weights.values()):
        raise ValueError(f"{objective}: expected weights of 0 or more, and one over 0, got {dict(weights)}")


def check_temperature(objective: str, temperature: float) -> None:
    """Refuse a temperature that logits cannot be divided by, or that turns them around.

    Raises:
        ValueError: It is not over 0.
    """
    if not temperature > 0:
        raise ValueError(f"{objective}: expected a temperature over 0, got {temperature}")


def check_same(objective: str, student: Any, teacher: Any, size: str, why: str) -> None:
    """Refuse two configs that differ in a size.

    Raises:
        WrongPair: Names the size of both sides.
    """
    own, other = getattr(student, size), getattr(teacher, size)
    if own != other:
        raise WrongPair(
            f"{objective} {why}: {describe('student', student)} has {size} {own} and {describe('teacher', teacher)} "
            f"{other}; choose a student with the teacher's, or another objective"
        )


def check_vocabulary(objective: str, student: Any, teacher: Any) -> None:
    """Refuse two configs whose models cannot read the same ids.

    Raises:
        WrongPair: Names the vocabulary of both sides.
    """
    check_same(objective, student, teacher, "vocab_size", "gives both models the same word pieces")


def describe(role: str, config: Any) -> str:
    """Return how an error names one side, such as ``the teacher (bert, open-base)``."""
    known = [getattr(config, "model_type", ""), getattr(config, "_name_or_path", "")]
    inside = ", ".join(name for name in known if name)
    return f"the {role} ({inside})" if inside else f"the {role}"


def check_options(kind: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Refuse keyword options that a function or class does not have, or not all that it wants.

    Raises:
        ValueError: Lists those that it has.
    """
    parameters = inspect.signature(function).parameters.values()
    known = {each.name: each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name != "seed"}
    unknown = [name for name in options if name not in known]
    missing = [name for name, each in known.items() if each.default is each.empty and name not in options]
    if unknown or missing:
        wrong = f"no option {unknown[0]!r}" if unknown else f"to be told {missing[0]!r}"
        has = "has" if unknown else "wants"
        raise ValueError(f"{kind} {has} {wrong}; its options: {', '.join(known) or 'none'}")
