"""What a task is to the pipeline."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..documents import Encoding, Window


@dataclass(frozen=True)
class Head:
    """What a task must know of the checkpoint to read its outputs.

    Attributes:
        labels: Label of each logit, in order.
        mask_token_id: Id of the mask token, if the tokenizer has one.
        pieces: Turns an id of the vocabulary into its piece.
    """

    labels: tuple[str, ...]
    mask_token_id: int | None
    pieces: Callable[[int], str]


@dataclass(frozen=True)
class Task:
    """How one task turns a model's outputs over a text's windows into annotations.

    Attributes:
        name: The name that users give.
        aliases: Other names for it.
        summary: One line for the help.
        auto_class: transformers' Auto class of the model that serves it.
        gives: The field of ``Annotation`` that it fills.
        output: The model output that it reads, an array (windows, tokens, ...).
        reduce: Cuts the output of one window ([CLS] + tokens + [SEP], ...) down to what ``finish`` needs.
        finish: Turns a text's reduced windows into fields of its ``Annotation``; takes the call's options.
        reads_special_tokens: Whether ``[MASK]`` in a text is the token and not four letters in brackets.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    auto_class: str
    gives: str
    output: str
    reduce: Callable[[Encoding, Window, np.ndarray, Head], np.ndarray]
    finish: Callable[..., dict[str, Any]]
    reads_special_tokens: bool = False


def decided_rows(output: np.ndarray, window: Window) -> np.ndarray:
    """Return the rows of a window's output for the tokens that are decided in it, [CLS] and [SEP] left out."""
    return output[1:-1][window.decided]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities along the last axis, in float32."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
