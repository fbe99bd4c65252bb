"""Adapter checkpoints: only the tensors that a training has changed, joined at load with the base that they name.

Such a folder holds ``adapter.safetensors`` (half precision), and a ``config.json`` of the whole model with ``base``:
the name of the base checkpoint and the SHA-256 of its weights. The base's tensors are shared between all models that
are joined with it, so a second task on a loaded base costs the reading of its adapter.
"""

import copy
import os
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .checkpoint_files import (
    ADAPTER_FILE,
    ENCODER,
    LocalCheckpoint,
    find_checkpoint,
    load_model,
    load_tokenizer,
    model_class_of,
    sha256_of,
)
from .errors import CheckpointError
from .registry import list_checkpoints
from .tasks import get_task


def load_whole(checkpoint: LocalCheckpoint, auto_class: str) -> tuple[Any, Any]:
    """Load a checkpoint's model and tokenizer, an adapter joined with its base.

    Args:
        checkpoint: The files.
        auto_class: transformers' Auto class of the model wanted.

    Raises:
        CheckpointError: As ``load_model``; or the base is absent or not the one that the adapter was trained on.
    """
    if checkpoint.base is None:
        return load_model(checkpoint, auto_class), load_tokenizer(checkpoint)
    encoder, tokenizer = _load_base(find_base(checkpoint))
    return _join(checkpoint, encoder, auto_class), tokenizer


def save_adapter(model: Any, folder: Path, base: LocalCheckpoint, *, place: Path) -> None:
    """Write what of a model differs from its base into a folder.

    Args:
        model: A model that started from the base.
        folder: Folder to write.
        base: The base.
        place: Where the folder will stand in the end; see :func:`name_base`.

    Raises:
        CheckpointError: Nothing was shared with the base, so this is no adapter of it.
    """
    prefix = f"{model.base_model_prefix}."
    shared = {prefix + name: weight for name, weight in load_model(base, ENCODER).state_dict().items()}
    state = model.state_dict()
    own = {
        name: weight.detach().to(torch.float16).contiguous()
        for name, weight in state.items()
        if name not in shared or not torch.equal(weight.cpu().float(), shared[name])
    }
    if len(own) == len(state):
        raise CheckpointError(f"every tensor differs from those of {base.name}: save the whole model instead")
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    config.base = {"name": name_base(base, place), "sha256": sha256_of(base.weights)}
    folder.mkdir(exist_ok=True)
    config.save_pretrained(folder)
    save_file(own, folder / ADAPTER_FILE, metadata={"format": "pt"})


def name_base(base: LocalCheckpoint, place: Path) -> str:
    """Return how an adapter names its base: by its registry name, else by the path to it from the adapter's place."""
    return base.row.name if base.row else os.path.relpath(base.folder.resolve(), place.resolve())


def find_base(checkpoint: LocalCheckpoint) -> LocalCheckpoint:
    """Return the base of an adapter, verified.

    An adapter can name a registry row or a folder, so that a file cannot make us fetch just anything.

    Raises:
        CheckpointError: It is absent, or another than the one that the adapter was trained on.
    """
    named = checkpoint.base or {}
    folder = (checkpoint.folder / named["name"]).resolve()
    if folder.is_dir():
        base = LocalCheckpoint(folder)
    elif any(named["name"] == row.name for row in list_checkpoints()):
        base = find_checkpoint(named["name"], get_task("embedding"), None)
    else:
        raise CheckpointError(f"{checkpoint.name} is an adapter, and its base is not at {folder}; put it there")
    stat = base.weights.stat()
    found = _sha256_once(base.weights, stat.st_mtime_ns, stat.st_size)
    if found != named["sha256"]:
        raise CheckpointError(
            f"{checkpoint.name} was trained on a {named['name']} with SHA-256 {named['sha256']}, and the one here has "
            f"{found}; get that one, or train the adapter again"
        )
    return base


@cache
def _sha256_once(path: Path, modified: int, size: int) -> str:
    return sha256_of(path)


def _load_base(base: LocalCheckpoint) -> tuple[Any, Any]:
    return _load_folder(base.folder, base.weights.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load_folder(folder: Path, modified: int) -> tuple[Any, Any]:
    checkpoint = LocalCheckpoint(folder)
    return load_model(checkpoint, ENCODER).eval(), load_tokenizer(checkpoint)


def _join(checkpoint: LocalCheckpoint, encoder: Any, auto_class: str) -> Any:
    """Build the model around the base's tensors; every tensor comes from the base or the adapter.

    Raises:
        CheckpointError: The adapter is damaged, or the two do not make the model.
    """
    model_class, config = model_class_of(checkpoint, auto_class)
    path = checkpoint.folder / ADAPTER_FILE
    try:
        own = {name: weight.float() for name, weight in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot load {path}: {error}. Copy or download the checkpoint again.") from error
    with torch.device("meta"):
        model = model_class(config)
    if auto_class == ENCODER:
        prefix = ""
        inner = f"{model_class.base_model_prefix}."
        own = {name.removeprefix(inner): weight for name, weight in own.items() if name.startswith(inner)}
        if getattr(encoder, "pooler", None) is None and hasattr(model, "pooler"):
            model.pooler = None
            own = {name: weight for name, weight in own.items() if not name.startswith("pooler.")}
    else:
        prefix = f"{model.base_model_prefix}."
    wanted = {name: weight.shape for name, weight in model.state_dict().items()}
    shared = {prefix + name: weight for name, weight in encoder.state_dict().items() if prefix + name in wanted}
    found = {**shared, **own}
    wrong = [
        name
        for name in sorted(wanted.keys() | found.keys())
        if name not in wanted or name not in found or wanted[name] != found[name].shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path} and its base do not make a {model_class.__name__}: missing, unexpected or misshapen "
            f"{', '.join(wrong[:5])}{' ...' * (len(wrong) > 5)}"
        )
    model.load_state_dict(found, assign=True)
    for name, buffer in encoder.named_buffers():
        owner, _, leaf = name.rpartition(".")
        model.base_model.get_submodule(owner).register_buffer(leaf, buffer, persistent=False)
    return model
