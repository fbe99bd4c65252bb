"""The tokenizer of a checkpoint as a pipeline needs it, read without transformers where that is possible.

Importing transformers takes seconds. What its fifth version saves is read as it is from ``tokenizer.json``; older
files, which may leave a part of their settings to a class of transformers, are read by that.
"""

import json
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from ..errors import CheckpointError, first_line
from .adapters import find_base
from .local import LocalCheckpoint
from .models import check_tokenizer, load_tokenizer

_UNLIMITED = 10**30  # as transformers has it


@dataclass(frozen=True)
class PieceTokenizer:
    """A BERT-like tokenizer, with its attributes as transformers names them.

    Attributes:
        backend_tokenizer: Cuts texts into pieces, without truncation and padding.
        cls_token_id: Id of [CLS].
        sep_token_id: Id of [SEP].
        mask_token_id: Id of [MASK]; None if it has none.
        model_max_length: Most pieces that its model takes, as far as the tokenizer says.
    """

    backend_tokenizer: Tokenizer
    cls_token_id: int
    sep_token_id: int
    mask_token_id: int | None
    model_max_length: int

    def convert_ids_to_tokens(self, index: int) -> Any:
        """Return the piece with this id."""
        return self.backend_tokenizer.id_to_token(index)


def load_pieces(checkpoint: LocalCheckpoint) -> PieceTokenizer:
    """Load the tokenizer of a checkpoint, which for an adapter is that of its base.

    Raises:
        CheckpointError: Its files are missing or damaged, it has no fast form, or it is not the model's; or the base is
            absent or not the one that the adapter was trained on.
    """
    owner = checkpoint if checkpoint.base is None else find_base(checkpoint)
    config = _saved_config(owner)
    if config is not None:
        return _read_saved(owner, config)
    tokenizer = load_tokenizer(owner)
    return PieceTokenizer(
        tokenizer.backend_tokenizer,
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        tokenizer.mask_token_id,
        tokenizer.model_max_length,
    )


def _saved_config(checkpoint: LocalCheckpoint) -> dict[str, Any] | None:
    """Return the settings of a tokenizer that transformers' fifth version has saved; None of another."""
    try:
        config = json.loads((checkpoint.folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        names_tokens = all(isinstance(config[name], str) for name in ("cls_token", "sep_token"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    is_whole = config.get("backend") == "tokenizers" and (checkpoint.folder / "tokenizer.json").exists()
    return config if is_whole and names_tokens else None


def _read_saved(checkpoint: LocalCheckpoint, config: dict[str, Any]) -> PieceTokenizer:
    try:
        backend = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises nothing narrower
        raise CheckpointError(
            f"cannot load the tokenizer in {checkpoint.folder}: {first_line(error)}. "
            "Copy or download the checkpoint again."
        ) from error
    backend.no_truncation()
    backend.no_padding()
    cls: Any
    sep: Any
    cls, sep, mask = (backend.token_to_id(config.get(name) or "") for name in ("cls_token", "sep_token", "mask_token"))
    check_tokenizer(checkpoint, [cls, sep], backend.get_vocab_size(), checkpoint.config.get("vocab_size"))
    return PieceTokenizer(backend, cls, sep, mask, config.get("model_max_length", _UNLIMITED))
