"""From a text to the passages that a model reads: windows or sentences of it, alone or in pairs."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from ..errors import TextTooLong
from .annotation import Coverage
from .encoding import Encoder, Encoding
from .windows import Window, plan_windows

OnLong = Literal["window", "error", "truncate"]
Unit = Literal["window", "sentence"]


def default_overlap(window: int) -> int:
    """Return how many tokens neighbouring windows of this size share where nothing else is asked for."""
    return window // 4


@dataclass(frozen=True, eq=False)
class Passage:
    """One sequence for the model.

    Attributes:
        input_ids: Word pieces with special tokens (L,).
        token_type_ids: 0 for the first segment, 1 for the second (L,); None if there is only one.
    """

    input_ids: np.ndarray
    token_type_ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, eq=False)
class Reading:
    """A text's encoding and the windows that it is read in."""

    encoding: Encoding
    windows: list[Window]
    truncated: bool = False

    @property
    def coverage(self) -> Coverage:
        read = int(self.encoding.offsets[-1, 1]) if self.truncated else len(self.encoding.text)
        return Coverage(read, len(self.encoding), len(self.windows), self.truncated)

    @property
    def ids(self) -> list[np.ndarray]:
        """The pieces of each window."""
        return [self.encoding.input_ids[window.start : window.stop] for window in self.windows]

    @property
    def decided(self) -> list[int]:
        """How many pieces each window decides, at least 1: its weight among the windows."""
        return [max(1, window.decided_stop - window.decided_start) for window in self.windows]


@dataclass(frozen=True)
class Reader:
    """Reads texts for one checkpoint.

    Attributes:
        encoder: Encodes texts.
        cls_token_id: Id of [CLS].
        sep_token_id: Id of [SEP].
        window: Most tokens of a passage, special tokens included.
        overlap: Tokens that neighbouring windows share, about.
        on_long: What to do with a text longer than a window.
        unit: Whether a text is cut into windows, or into its sentences.
    """

    encoder: Encoder
    cls_token_id: int
    sep_token_id: int
    window: int
    overlap: int = 0
    on_long: OnLong = "window"
    unit: Unit = "window"

    @property
    def room(self) -> int:
        """Tokens that a passage of one segment holds beside [CLS] and [SEP]."""
        return self.window - 2

    def read(self, text: str | Encoding, room: int | None = None) -> Reading:
        """Cut a text, encoded already or not, into windows of at most ``room`` pieces that cover it.

        Raises:
            TextTooLong: With ``on_long="error"``, if it takes more than one.
        """
        encoding = self.encoder.encode(text) if isinstance(text, str) else text
        size = self.room if room is None else room
        if self.unit == "sentence":
            return Reading(encoding, _sentences(encoding, size))
        too_long = len(encoding) > size
        if too_long and self.on_long == "error":
            raise TextTooLong(
                f"the text has {len(encoding)} tokens and the window takes {size}; "
                "use on_long='window' to read it all, or on_long='truncate' to read its beginning"
            )
        if truncated := too_long and self.on_long == "truncate":
            encoding = encoding.truncated(size)
        windows = plan_windows(
            len(encoding),
            size,
            overlap=min(self.overlap, size // 2),
            word_starts=encoding.word_starts,
            sentence_starts=encoding.sentence_starts,
        )
        return Reading(encoding, windows, truncated)

    def passage(self, first: np.ndarray, second: np.ndarray | None = None) -> Passage:
        """Put special tokens around one segment of pieces, or two."""
        ids = np.concatenate([[self.cls_token_id], first, [self.sep_token_id]])
        if second is None:
            return Passage(ids)
        types = np.repeat([0, 1], [len(ids), len(second) + 1])
        return Passage(np.concatenate([ids, second, [self.sep_token_id]]), types)


def _sentences(encoding: Encoding, size: int) -> list[Window]:
    """Return a window for each sentence; one longer than ``size`` takes several."""
    starts = encoding.sentence_starts
    edges = [0, *(int(start) for start in starts if 0 < start < len(encoding)), len(encoding)]
    bounds = [(at, min(at + size, stop)) for start, stop in pairwise(edges) for at in range(start, stop, size)]
    return [Window(start, stop, start, stop) for start, stop in bounds or [(0, 0)]]
