"""What a student and its teacher must have in common, and which of the teacher's layers each student layer learns from.

Errors name both sides, since either can be exchanged.
"""

import json
from collections.abc import Sequence
from typing import Any

from ..errors import WrongPair

_TOKENIZER_PARTS = {
    "model": "word pieces",
    "normalizer": "normalisation (such as lower-casing)",
    "pre_tokenizer": "splitting into words",
    "added_tokens": "special tokens",
}


def describe(role: str, config: Any) -> str:
    """Return how an error names a model, such as ``the teacher (bert, open-base)``."""
    known = [getattr(config, "model_type", ""), getattr(config, "_name_or_path", "")]
    inside = ", ".join(name for name in known if name)
    return f"the {role} ({inside})" if inside else f"the {role}"


def check_same(objective: str, student_config: Any, teacher_config: Any, size: str, reason: str) -> None:
    """Refuse two models that differ in a size which the objective needs to be the same.

    Args:
        objective: Name of the objective.
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        size: Name of the size in both configs, such as ``hidden_size``.
        reason: Why it must be the same, continuing "the objective ...", such as ``compares hidden states``.

    Raises:
        WrongPair: The sizes differ.
    """
    student_size, teacher_size = getattr(student_config, size), getattr(teacher_config, size)
    if student_size != teacher_size:
        raise WrongPair(
            f"{objective} {reason}: {describe('student', student_config)} has {size} {student_size} and "
            f"{describe('teacher', teacher_config)} {teacher_size}; choose a student with the teacher's, or another "
            "objective"
        )


def map_layers(
    objective: str, student_config: Any, teacher_config: Any, layers: Sequence[int] | None = None
) -> list[int]:
    """Return the index, from 0, of the teacher's layer that each student layer learns from.

    By default the teacher's layers are cut into as many equal runs as the student has layers, and each student layer
    learns from the last of its run: six layers learn from twelve as 1, 3, 5, 7, 9, 11; four as 2, 5, 8, 11.

    Args:
        objective: Name of the objective.
        student_config: Config of the student.
        teacher_config: Config of the teacher.
        layers: The teacher's layers to learn from, one for each student layer, instead of the default.

    Raises:
        WrongPair: ``layers`` does not name one of the teacher's layers for each student layer; or it is not given, and
            the teacher's layers cannot be cut into equal runs.
    """
    depth, teacher_depth = student_config.num_hidden_layers, teacher_config.num_hidden_layers
    sides = (
        f"{describe('student', student_config)} has {depth} layers and {describe('teacher', teacher_config)} "
        f"{teacher_depth}"
    )
    if layers is not None:
        if len(layers) != depth or not all(layer in range(teacher_depth) for layer in layers):
            raise WrongPair(
                f"{objective} expects layers=... to name a layer of the teacher, from 0, for each of the student's: "
                f"{sides}, got {list(layers)}"
            )
        return list(layers)
    if not 0 < depth <= teacher_depth or teacher_depth % depth:
        raise WrongPair(
            f"{objective} cuts the teacher's layers into an equal run for each layer of the student: {sides}, which "
            f"{depth} does not divide; name the layers to learn from with layers=..."
        )
    run = teacher_depth // depth
    return list(range(run - 1, teacher_depth, run))


def tokenizer_difference(first: Any, second: Any) -> str | None:
    """Return in what two fast tokenizers differ when they cut texts into pieces; None if they cut them the same."""
    sizes = len(first), len(second)
    if sizes[0] != sizes[1]:
        return f"number of pieces ({sizes[0]:,} and {sizes[1]:,})"
    states = [json.loads(tokenizer.backend_tokenizer.to_str()) for tokenizer in (first, second)]
    different = (text for part, text in _TOKENIZER_PARTS.items() if states[0][part] != states[1][part])
    return next(different, None)


def check_tokenizers(student: str, teacher: str, student_tokenizer: Any, teacher_tokenizer: Any) -> None:
    """Refuse a student whose tokens are not its teacher's: the losses compare the two models token by token.

    Args:
        student: Name of the student.
        teacher: Name of the teacher.
        student_tokenizer: A fast tokenizer.
        teacher_tokenizer: A fast tokenizer.

    Raises:
        WrongPair: The tokenizers differ; says in what.
    """
    difference = tokenizer_difference(student_tokenizer, teacher_tokenizer)
    if difference:
        raise WrongPair(
            f"student {student} and teacher {teacher} have different tokenizers: they differ in {difference}, so what "
            "the teacher predicts for a token is not about the student's token; start both from the same tokenizer"
        )
