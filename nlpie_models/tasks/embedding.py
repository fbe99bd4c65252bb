"""One vector a text: the mean of each window's token states, then the mean of the windows.

Within a window every token counts alike, special tokens too, as in sentence-transformers' mean pooling, with which
a text of one window agrees; a window weighs as much as the number of tokens that it decides.
"""

from typing import Any

import numpy as np

from ..documents import Encoding, Window
from ._task import Head, Task


def _reduce(encoding: Encoding, window: Window, output: np.ndarray, head: Head) -> np.ndarray:
    return output.mean(axis=0)


def _finish(encoding: Encoding, windows: list[Window], parts: list[np.ndarray], head: Head) -> dict[str, Any]:
    decided = [max(1, window.decided_stop - window.decided_start) for window in windows]
    return {"embedding": np.average(np.stack(parts), axis=0, weights=decided).astype(np.float32)}


TASK = Task(
    name="embedding",
    aliases=("feature-extraction", "sentence-similarity"),
    summary="one vector a text, mean-pooled over all of its windows",
    auto_class="AutoModel",
    gives="embedding",
    output="last_hidden_state",
    reduce=_reduce,
    finish=_finish,
)
