"""What a training starts from: a folder or Hub id turned into a model with a new head."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checkpoint_files import LocalCheckpoint, load_model, load_tokenizer
from ..engines import default_device
from ..errors import CheckpointError


def start_token_classifier(folder: Path, tags: Sequence[str], *, window: int) -> tuple[Any, Any]:
    """Return a token classifier with a new head on a checkpoint's encoder, and its tokenizer.

    Args:
        folder: Checkpoint folder; whatever head it has is left out.
        tags: Tag of each logit, such as ``B-problem``.
        window: Tokens that the pipeline is to read together; kept in the config as ``window_tokens``.

    Raises:
        CheckpointError: The folder cannot be loaded.
    """
    from transformers import AutoModelForTokenClassification

    checkpoint = LocalCheckpoint(folder)
    encoder = load_model(checkpoint, "AutoModel")
    config = encoder.config
    config.id2label = dict(enumerate(tags))
    config.label2id = {tag: index for index, tag in enumerate(tags)}
    config.window_tokens = window
    model = AutoModelForTokenClassification.from_config(config)
    own = {name: weight for name, weight in encoder.state_dict().items() if not name.startswith("pooler.")}
    getattr(model, model.base_model_prefix).load_state_dict(own)
    return model, load_tokenizer(checkpoint)


def same_tokenizer(first: Any, second: Any) -> bool:
    """Whether two fast tokenizers cut texts alike: same pieces, ids and normalisation."""
    parts = []
    for tokenizer in (first, second):
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        parts.append({name: state[name] for name in ("model", "normalizer", "pre_tokenizer", "added_tokens")})
    return parts[0] == parts[1]


def load_teachers(folders: Sequence[Path], tokenizer: Any) -> list[Any]:
    """Load fine-tuned teachers that share the student's tokenizer.

    Raises:
        CheckpointError: A teacher cuts texts otherwise than the student.
    """
    teachers = []
    for folder in folders:
        checkpoint = LocalCheckpoint(folder)
        if not same_tokenizer(load_tokenizer(checkpoint), tokenizer):
            raise CheckpointError(f"teacher {folder} and student have different tokenizers; cut both the same way")
        teachers.append(load_model(checkpoint, "AutoModelForTokenClassification").to(default_device()))
    return teachers
