"""Which layer of a teacher each layer of a student learns from."""

from collections.abc import Sequence
from typing import Any

from ..errors import WrongPair
from .contract import describe


def last_of_each(student_layers: int, teacher_layers: int) -> list[int]:
    """Return the teacher's layer for each of the student's, from 0: the last of as many equal runs of layers.

    Six layers learn from twelve as 1, 3, 5, 7, 9, 11; four as 2, 5, 8, 11.

    Raises:
        ValueError: The layers do not divide.
    """
    if not 0 < student_layers <= teacher_layers or teacher_layers % student_layers:
        raise ValueError(f"{teacher_layers} layers cannot be shared equally by {student_layers}")
    step = teacher_layers // student_layers
    return list(range(step - 1, teacher_layers, step))


def map_layers(objective: str, student: Any, teacher: Any, chosen: Sequence[int] | None = None) -> list[int]:
    """Return the teacher's layer for each of the student's, from 0: those chosen, else :func:`last_of_each`.

    Raises:
        WrongPair: Other than one of the teacher's layers is chosen for each of the student's, or none is and they do
            not divide; names both sides.
    """
    own, other = student.num_hidden_layers, teacher.num_hidden_layers
    sides = f"{describe('student', student)} has {own} layers and {describe('teacher', teacher)} {other}"
    if chosen is not None:
        if len(chosen) != own or not all(layer in range(other) for layer in chosen):
            raise WrongPair(
                f"{objective} wants layers=... to name a teacher's layer, from 0, for each student's: {sides}, "
                f"got {list(chosen)}"
            )
        return list(chosen)
    try:
        return last_of_each(own, other)
    except ValueError:
        raise WrongPair(
            f"{objective} maps each layer to the last of an equal run of the teacher's: {sides}, which {own} does not "
            "divide; say with layers=... which the student's learn from"
        ) from None
