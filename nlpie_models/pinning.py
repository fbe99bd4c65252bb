"""Pinning: which commit, and which bytes, a checkpoint's name stands for."""

import os
from pathlib import Path

import tomlkit

from .errors import CheckpointError
from .registry import CHECKPOINTS_FOLDER, Checkpoint, Weights, read_checkpoint

_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def pin_checkpoint(checkpoint: Checkpoint, folder: Path = CHECKPOINTS_FOLDER) -> Weights:
    """Ask the Hub for a checkpoint's commit and weight hash and write both into its TOML.

    Raises:
        CheckpointError: The checkpoint is not on the Hub, the Hub cannot be reached, or it has no weight file there.
    """
    weights = fetch_pin(checkpoint)
    path = folder / f"{checkpoint.name}.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for key, value in vars(weights).items():
        if value is not None:
            document["weights"][key] = value  # type: ignore[index]
    temporary = path.with_suffix(".toml.tmp")
    temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    os.replace(temporary, path)
    return read_checkpoint(path).weights or weights


def fetch_pin(checkpoint: Checkpoint) -> Weights:
    """Return the commit of the Hub's main branch and the hash of its weight file, safetensors by preference."""
    from huggingface_hub import HfApi

    if checkpoint.hub_id is None:
        raise CheckpointError(f"{checkpoint.name} is not on the Hub, so there is nothing to pin")
    try:
        info = HfApi().model_info(checkpoint.hub_id, files_metadata=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"cannot ask the Hub about {checkpoint.hub_id} ({reason}); check the network and HF_HUB_OFFLINE"
        ) from error
    files = {file.rfilename: file for file in info.siblings or []}
    for name in _WEIGHT_FILES:
        if name in files and (stored := files[name].lfs):
            megabytes = round(stored.size / 1e6, 1)
            return Weights(file=name, megabytes=megabytes, revision=info.sha, sha256=stored.sha256)
    raise CheckpointError(f"{checkpoint.hub_id} has none of {', '.join(_WEIGHT_FILES)} at {info.sha}")
