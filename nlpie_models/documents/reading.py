"""From a text to the passages that a model reads: windows or sentences, alone or beside a second segment."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Literal

import numpy as np

from ..errors import TextTooLong
from .annotation import Coverage
from .encoding import Encoder, Encoding
from .windows import Window, last_in, plan_windows

OnLong = Literal["window", "error", "truncate"]
Unit = Literal["window", "sentence"]


def default_overlap(window: int) -> int:
    """Return how many tokens neighbouring windows of this size share by default."""
    return window // 4


@dataclass(frozen=True, eq=False)
class Passage:
    """One input sequence of a model.

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
    """How a text is read.

    Attributes:
        encoding: The pieces that are read.
        windows: The windows that they are read in.
        left_out: Start and end of each part of the text that is not read, because the caller asked for that.
    """

    encoding: Encoding
    windows: list[Window]
    left_out: Sequence[tuple[int, int]] = ()

    @property
    def truncated(self) -> bool:
        """Whether a part of the text is not read."""
        return bool(self.left_out)

    @property
    def coverage(self) -> Coverage:
        read = len(self.encoding.text) - sum(end - start for start, end in self.left_out)
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
        overlap: Tokens that neighbouring windows share, approximately.
        on_long: What happens to a unit that is longer than a window: ``window``: it is read in overlapping windows;
            ``error``: TextTooLong is raised; ``truncate``: only its beginning is read.
        unit: What is read by itself: the whole text (``window``), or each of its sentences (``sentence``).
    """

    encoder: Encoder
    cls_token_id: int
    sep_token_id: int
    window: int
    overlap: int = 0
    on_long: OnLong = "window"
    unit: Unit = "window"

    @classmethod
    def of(
        cls,
        tokenizer: Any,
        window: int,
        *,
        overlap: int = 0,
        on_long: OnLong = "window",
        reads_special_tokens: bool = False,
    ) -> "Reader":
        """Return the reader of a transformers tokenizer; ``[MASK]`` in a text is the token only for some tasks."""
        encoder = Encoder(tokenizer.backend_tokenizer, reads_special_tokens=reads_special_tokens)
        return cls(encoder, tokenizer.cls_token_id, tokenizer.sep_token_id, window, overlap, on_long)

    @property
    def room(self) -> int:
        """Tokens that a passage of one segment holds beside [CLS] and [SEP]."""
        return self.window - 2

    def read(self, text: str | Encoding, room: int | None = None) -> Reading:
        """Cut a text into windows of at most ``room`` pieces, none of which crosses the edge of a unit.

        Args:
            text: The text, or its encoding.
            room: Most pieces in a window, special tokens not counted; as many as a passage of one segment holds by
                default.

        Raises:
            TextTooLong: With ``on_long="error"``, if a unit takes more than one window.
        """
        encoding = self.encoder.encode(text) if isinstance(text, str) else text
        size = self.room if room is None else room
        long = [(start, stop) for start, stop in self._units(encoding) if stop - start > size]
        if long and self.on_long == "error":
            start, stop = long[0]
            sentence = f"sentence at {encoding.offsets[start, 0]} to {encoding.offsets[stop - 1, 1]}"
            raise TextTooLong(
                f"the {sentence if self.unit == 'sentence' else 'text'} has {stop - start} tokens and the window takes "
                f"{size}; use on_long='window' to read it all, or on_long='truncate' to read its beginning"
            )
        if long and self.on_long == "truncate":
            return self._read_beginnings(encoding, long, size)
        return Reading(encoding, self._windows(encoding, size))

    def _read_beginnings(self, encoding: Encoding, long: list[tuple[int, int]], size: int) -> Reading:
        """Read at most ``size`` pieces of each long unit, up to the end of a word if there is one."""
        word_starts = encoding.word_starts
        rests = [(last_in(word_starts, start + 1, start + size) or start + size, stop) for start, stop in long]
        following = np.append(encoding.offsets[:, 0], len(encoding.text))
        left_out = [(int(encoding.offsets[start - 1, 1]), int(following[stop])) for start, stop in rests]
        kept = encoding.without(rests)
        return Reading(kept, self._windows(kept, size), left_out)

    def _windows(self, encoding: Encoding, size: int) -> list[Window]:
        overlap, word_starts = min(self.overlap, size // 2), encoding.word_starts
        windows = (
            plan_windows(
                stop,
                size,
                start=start,
                overlap=overlap,
                word_starts=word_starts,
                sentence_starts=encoding.sentence_starts,
            )
            for start, stop in self._units(encoding)
        )
        return list(chain.from_iterable(windows))

    def _units(self, encoding: Encoding) -> list[tuple[int, int]]:
        """Return the ranges of pieces that are read by themselves."""
        starts = encoding.sentence_starts[: None if self.unit == "sentence" else 0]
        inner = starts[(starts > 0) & (starts < len(encoding))]
        return list(pairwise([0, *inner.tolist(), len(encoding)]))

    def passage(self, first: np.ndarray, second: np.ndarray | None = None) -> Passage:
        """Return the passage of one segment of pieces, or two, with special tokens around each."""
        ids = np.concatenate([[self.cls_token_id], first, [self.sep_token_id]])
        if second is None:
            return Passage(ids)
        types = np.repeat([0, 1], [len(ids), len(second) + 1])
        return Passage(np.concatenate([ids, second, [self.sep_token_id]]), types)
