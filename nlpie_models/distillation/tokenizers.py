"""Whether two models read the same ids."""

import json
from typing import Any

from ..errors import WrongPair

_PARTS = {
    "model": "word pieces",
    "normalizer": "normalisation (such as lower-casing)",
    "pre_tokenizer": "splitting into words",
    "added_tokens": "special tokens",
}


def tokenizer_difference(first: Any, second: Any) -> str | None:
    """Return in what two fast tokenizers differ when they cut texts; None if in nothing."""
    sizes = len(first), len(second)
    if sizes[0] != sizes[1]:
        return f"number of pieces ({sizes[0]:,} and {sizes[1]:,})"
    one, other = (json.loads(tokenizer.backend_tokenizer.to_str()) for tokenizer in (first, second))
    return next((said for part, said in _PARTS.items() if one[part] != other[part]), None)


def check_tokenizers(student: str, teacher: str, student_tokenizer: Any, teacher_tokenizer: Any) -> None:
    """Refuse a student that cuts texts otherwise than its teacher: token by token, they would speak of other words.

    Args:
        student: Its name.
        teacher: Its name.
        student_tokenizer: A fast tokenizer.
        teacher_tokenizer: Another.

    Raises:
        WrongPair: Says in what they differ.
    """
    difference = tokenizer_difference(student_tokenizer, teacher_tokenizer)
    if difference:
        raise WrongPair(
            f"student {student} and teacher {teacher} have different tokenizers: they differ in {difference}, so what "
            "the teacher says of a token is not about the student's; start both from the same tokenizer"
        )
