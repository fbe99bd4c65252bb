"""Adapter checkpoints: only the tensors that a training has changed, joined at load with the base that they name.

Such a folder holds ``adapter.safetensors``, and a ``config.json`` of the whole model with ``base``: the name of the
base checkpoint and the SHA-256 of its weights. A matrix of the base is kept as its change, in 8-bit integers with a
scale for each row (``NAME.scale``); other tensors are kept in half precision. The base's tensors are shared between all
models that are joined with it, so a second task on a loaded base costs the reading of its adapter.
"""

import copy
import os
from collections.abc import Collection, Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..registry import list_checkpoints
from ..util.files import sha256_of
from .find import find_checkpoint, open_folder
from .local import ADAPTER_FILE, ENCODER, LocalCheckpoint
from .models import load_model, load_tokenizer, model_class_of
from .tensors import SCALE, read_changes, read_tensors

_EMBEDDINGS = "embeddings.word_embeddings.weight"


def load_whole(checkpoint: LocalCheckpoint, auto_class: str) -> tuple[Any, Any]:
    """Load a checkpoint's model and tokenizer; see :func:`load_whole_model` and :func:`load_whole_tokenizer`."""
    return load_whole_model(checkpoint, auto_class), load_whole_tokenizer(checkpoint)


def load_whole_model(checkpoint: LocalCheckpoint, auto_class: str) -> Any:
    """Load a checkpoint's model, an adapter joined with its base.

    Args:
        checkpoint: The files of the checkpoint.
        auto_class: Name of transformers' Auto class for the model, such as ``AutoModel``.

    Raises:
        CheckpointError: The model cannot be loaded; or the base is absent or not the one that the adapter was trained
            on.
    """
    if checkpoint.base is None:
        return load_model(checkpoint, auto_class)
    base = find_base(checkpoint)
    return _join(checkpoint, _load_base_encoder(base.folder, base.weights.stat().st_mtime_ns), auto_class)


def load_whole_tensors(checkpoint: LocalCheckpoint, auto_class: str, names: Collection[str]) -> dict[str, np.ndarray]:
    """Return tensors of a checkpoint's model in float32, an adapter's joined with those of its base.

    They are read without torch if the files are safetensors with these names, as this package writes them.

    Args:
        checkpoint: The files of the checkpoint.
        auto_class: Name of transformers' Auto class for the model.
        names: Names of the tensors in the model.

    Raises:
        CheckpointError: They cannot be loaded; or the base is absent or not the one that the adapter was trained on.
    """
    tensors = _read_whole_tensors(checkpoint)
    prefix = _prefix_of(tensors) if auto_class == ENCODER else ""
    if all(prefix + name in tensors for name in names):
        return {name: tensors[prefix + name] for name in names}
    state = load_whole_model(checkpoint, auto_class).state_dict()
    if missing := [name for name in names if name not in state]:
        raise CheckpointError(
            f"{checkpoint.name} has no tensor {missing[0]}, which its graph names; make the graph anew"
        )
    return {name: state[name].numpy() for name in names}


def _read_whole_tensors(checkpoint: LocalCheckpoint) -> dict[str, np.ndarray]:
    """Return the tensors of the files of a checkpoint; none if they are in another form than safetensors."""
    owner = checkpoint if checkpoint.base is None else find_base(checkpoint)
    tensors = read_tensors(owner.weights) if owner.weights.suffix == ".safetensors" else {}
    if owner is checkpoint or not tensors:
        return tensors
    prefix = _prefix_of(tensors)
    shared = {name: weight for name, weight in tensors.items() if name.startswith(prefix)}
    return shared | read_changes(checkpoint.folder / ADAPTER_FILE, shared)


def _prefix_of(names: Iterable[str]) -> str:
    """Return what the names of an encoder's tensors begin with in a model that has a head."""
    return next((name.removesuffix(_EMBEDDINGS) for name in names if name.endswith(_EMBEDDINGS)), "")


def load_whole_tokenizer(checkpoint: LocalCheckpoint) -> Any:
    """Load a checkpoint's tokenizer, which for an adapter is that of its base.

    Raises:
        CheckpointError: It cannot be loaded, or the base is absent or not the one that the adapter was trained on.
    """
    if checkpoint.base is None:
        return load_tokenizer(checkpoint)
    base = find_base(checkpoint)
    return _load_base_tokenizer(base.folder, base.weights.stat().st_mtime_ns)


def save_adapter(model: Any, folder: Path, base: LocalCheckpoint, *, place: Path) -> None:
    """Write the tensors of a model that differ from its base into a folder.

    Args:
        model: A model that started from the base.
        folder: Folder to write.
        base: The base.
        place: Where the folder will stand in the end; see :func:`name_base`.

    Raises:
        CheckpointError: Nothing was shared with the base, so this is no adapter of it.
    """
    import torch
    from safetensors.torch import save_file

    prefix = f"{model.base_model_prefix}."
    shared = {prefix + name: weight for name, weight in load_model(base, ENCODER).state_dict().items()}
    state = model.state_dict()
    weights = {name: weight.detach().cpu().float() for name, weight in state.items()}
    changed = {
        name: weight for name, weight in weights.items() if name not in shared or not torch.equal(weight, shared[name])
    }
    if len(changed) == len(state):
        raise CheckpointError(f"every tensor differs from those of {base.name}: save the whole model instead")
    kept: dict[str, Any] = {}
    for name, weight in changed.items():
        if name in shared and weight.ndim == 2:
            kept[name], kept[name + SCALE] = _quantise(weight - shared[name])
        else:
            kept[name] = weight.to(torch.float16).contiguous()
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    config.base = {"name": name_base(base, place), "sha256": sha256_of(base.weights)}
    folder.mkdir(exist_ok=True)
    config.save_pretrained(folder)
    save_file(kept, folder / ADAPTER_FILE, metadata={"format": "pt"})


def _quantise(change: Any) -> tuple[Any, Any]:
    """Return a matrix as 8-bit integers, and what the integers of each row are to be multiplied by (rows, 1)."""
    import torch

    scale = (change.abs().amax(dim=1, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    return (change / scale).round().to(torch.int8), scale


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
        base = open_folder(folder)
    elif any(named["name"] == row.name for row in list_checkpoints()):
        base = find_checkpoint(named["name"])
    else:
        raise CheckpointError(f"{checkpoint.name} is an adapter, and its base is not at {folder}; put it there")
    stat = base.weights.stat()
    actual = _sha256_once(base.weights, stat.st_mtime_ns, stat.st_size)
    if actual != named["sha256"]:
        raise CheckpointError(
            f"{checkpoint.name} was trained on a {named['name']} with SHA-256 {named['sha256']}, and the one here has "
            f"{actual}; get that one, or train the adapter again"
        )
    return base


@cache
def _sha256_once(path: Path, modified: int, size: int) -> str:
    return sha256_of(path)


@lru_cache(maxsize=2)
def _load_base_encoder(folder: Path, modified: int) -> Any:
    return load_model(open_folder(folder), ENCODER).eval()


@lru_cache(maxsize=2)
def _load_base_tokenizer(folder: Path, modified: int) -> Any:
    return load_tokenizer(open_folder(folder))


def _join(checkpoint: LocalCheckpoint, encoder: Any, auto_class: str) -> Any:
    """Build the model around the base's tensors; every tensor comes from the base or the adapter.

    Raises:
        CheckpointError: The adapter is damaged, or the two do not make the model.
    """
    import torch

    model_class, config = model_class_of(checkpoint, auto_class)
    path = checkpoint.folder / ADAPTER_FILE
    inner = f"{model_class.base_model_prefix}."
    base = {inner + name: weight.numpy() for name, weight in encoder.state_dict().items()}
    changed = {name: torch.from_numpy(weight) for name, weight in read_changes(path, base).items()}
    with torch.device("meta"):
        model = model_class(config)
    if auto_class == ENCODER:
        prefix = ""
        changed = {name.removeprefix(inner): weight for name, weight in changed.items() if name.startswith(inner)}
        if getattr(encoder, "pooler", None) is None and hasattr(model, "pooler"):
            model.pooler = None
            changed = {name: weight for name, weight in changed.items() if not name.startswith("pooler.")}
    else:
        prefix = f"{model.base_model_prefix}."
    expected = {name: weight.shape for name, weight in model.state_dict().items()}
    shared = {prefix + name: weight for name, weight in encoder.state_dict().items() if prefix + name in expected}
    joined = {**shared, **changed}
    wrong = [
        name
        for name in sorted(expected.keys() | joined.keys())
        if name not in expected or name not in joined or expected[name] != joined[name].shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path} and its base do not make a {model_class.__name__}: missing, unexpected or misshapen "
            f"{', '.join(wrong[:5])}{' ...' * (len(wrong) > 5)}"
        )
    model.load_state_dict(joined, assign=True)
    for name, buffer in encoder.named_buffers():
        owner, _, leaf = name.rpartition(".")
        model.base_model.get_submodule(owner).register_buffer(leaf, buffer, persistent=False)
    return model
