"""Documents as blocks of a fixed size, cut between words."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np


class Packer:
    """Cuts documents into blocks, ``[CLS] ... [SEP]``, each token in exactly one of them and in order.

    A block ends where a word ends. By default it never holds two documents, and a document's last block is shorter: a
    masked token is then predicted from its note alone. With ``pack``, documents follow one another with a ``[SEP]``
    between and every block is full, which wastes nothing on short notes; RoBERTa (Liu et al., 2019,
    https://arxiv.org/abs/1907.11692, section 4.2) found the former slightly better and chose the latter for its even
    batches. No attention mask keeps packed documents apart.

    Args:
        size: Most tokens in a block, special ones included; at least 3.
        cls: Id that begins a block.
        sep: Id that ends one, and stands between documents.
        continues: Whether each piece (V,) continues a word; None if a word may be cut.
        pack: Whether a block may hold several documents.
    """

    def __init__(self, size: int, cls: int, sep: int, continues: np.ndarray | None, *, pack: bool = False) -> None:
        self._room = size - 2
        self._cls, self._sep = np.array([cls]), np.array([sep])
        self._continues = continues
        self._pack = pack
        self._held = np.empty(0, dtype=np.int64)

    def add(self, ids: np.ndarray, *, last: bool) -> Iterator[np.ndarray]:
        """Take the next ids (T,) of a document and yield the blocks (at most ``size``,) that are full.

        Args:
            ids: Ids without special tokens.
            last: Whether the document ends with them.
        """
        held = np.concatenate([self._held, ids])
        if last and self._pack and len(held):
            held = np.concatenate([held, self._sep])
        while len(held) > self._room:
            cut = self._find_cut(held)
            yield from self._block(held[:cut])
            held = held[cut:]
        self._held = held.copy()
        if last and not self._pack:
            yield from self.flush()

    def flush(self) -> Iterator[np.ndarray]:
        """Yield what is left as the last block."""
        yield from self._block(self._held)
        self._held = self._held[:0]

    def _find_cut(self, held: np.ndarray) -> int:
        """Return how many of the tokens make a block that ends with a word; a full one if a word is longer than it."""
        if self._continues is None:
            return self._room
        starts = np.flatnonzero(~self._continues[held[: self._room + 1]])
        return int(starts[-1]) if len(starts) and starts[-1] > 0 else self._room

    def _block(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        """Yield a block, without ``[SEP]`` of documents at its ends."""
        bounds = ids != self._sep
        if bounds.any():
            first, last = np.flatnonzero(bounds)[[0, -1]]
            yield np.concatenate([self._cls, ids[first : last + 1], self._sep])


def find_continuing_pieces(tokenizer: Any) -> np.ndarray | None:
    """Return whether each piece (V,) continues the word of the piece before it, as ``##ing`` does.

    None if the pieces do not tell. Those of WordPiece do: its words are what BERT's pre-tokenizer cuts, so that a full
    stop after a word is another word.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model["type"] != "WordPiece":
        return None
    continues = np.zeros(len(tokenizer), dtype=bool)
    prefix = model["continuing_subword_prefix"]
    continues[[index for piece, index in model["vocab"].items() if piece.startswith(prefix) and piece != prefix]] = True
    return continues
