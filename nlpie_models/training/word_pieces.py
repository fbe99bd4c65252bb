"""Which pieces of a vocabulary go on with a word."""

import json
from typing import Any

import numpy as np


def find_continuing_pieces(tokenizer: Any) -> np.ndarray | None:
    """Return whether each piece (V,) goes on with the word of the piece before it, as ``##ing`` does.

    None if that cannot be told from the pieces, which WordPiece alone allows for certain: its words are what BERT's
    pre-tokenizer cuts, so that a stop after a word is a word of its own.
    """
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model["type"] != "WordPiece":
        return None
    continues = np.zeros(len(tokenizer), dtype=bool)
    prefix = model["continuing_subword_prefix"]
    continues[[index for piece, index in model["vocab"].items() if piece.startswith(prefix) and piece != prefix]] = True
    return continues
