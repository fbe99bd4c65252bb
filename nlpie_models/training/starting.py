"""What a training starts from: a folder or Hub id turned into a model with a new head."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checkpoint_files import LocalCheckpoint, load_model, load_tokenizer
from ..engines import default_device
from ..errors import CheckpointError

TOKEN_CLASSIFIER = "AutoModelForTokenClassification"


def start_token_classifier(folder: Path, tags: Sequence[str], *, window: int, seed: int) -> tuple[Any, Any]:
    """Return a token classifier that starts from a checkpoint, and its tokenizer.

    Args:
        folder: Checkpoint folder. A token-classification head with these very tags is kept; any other gives way to a
            new one.
        tags: Tag of each logit, such as ``B-problem``.
        window: Tokens that the pipeline is to read together; kept in the config as ``window_tokens``.
        seed: Of a new head.

    Raises:
        CheckpointError: The folder cannot be loaded.
    """
    from transformers import AutoModelForTokenClassification, set_seed

    checkpoint = LocalCheckpoint(folder)
    tokenizer = load_tokenizer(checkpoint)
    if checkpoint.auto_class == TOKEN_CLASSIFIER:
        model = load_model(checkpoint, TOKEN_CLASSIFIER)
        if list(model.config.id2label.values()) == list(tags):
            model.config.window_tokens = window
            return model, tokenizer
    encoder = load_model(checkpoint, "AutoModel")
    config = encoder.config
    config.id2label = dict(enumerate(tags))
    config.label2id = {tag: index for index, tag in enumerate(tags)}
    config.window_tokens = window
    set_seed(seed)
    model = AutoModelForTokenClassification.from_config(config)
    own = {name: weight for name, weight in encoder.state_dict().items() if not name.startswith("pooler.")}
    getattr(model, model.base_model_prefix).load_state_dict(own)
    return model, tokenizer


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
        teachers.append(load_model(checkpoint, TOKEN_CLASSIFIER).to(default_device()))
    return teachers
