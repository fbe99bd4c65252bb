"""Pinning: the commit and the bytes that a checkpoint's name stands for, written into its TOML."""

from pathlib import Path

import tomlkit

from ..errors import CheckpointError, first_line
from ..registry import CHECKPOINTS_FOLDER, Checkpoint, Weights, read_checkpoint
from ..util.files import write_whole

_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def pin_checkpoint(checkpoint: Checkpoint, folder: Path = CHECKPOINTS_FOLDER) -> Weights:
    """Ask the Hub for a checkpoint's commit and weight hash and write both into its TOML.

    Raises:
        CheckpointError: The checkpoint is not on the Hub, the Hub cannot be reached, or it has no weight file there.
    """
    return write_pin(checkpoint.name, fetch_pin(checkpoint), folder)


def write_pin(name: str, weights: Weights, folder: Path = CHECKPOINTS_FOLDER, *, hub_id: str | None = None) -> Weights:
    """Write commit and hash of a checkpoint's weights into its TOML, and leave the rest of the file as it is.

    Args:
        name: Name of the checkpoint.
        weights: Weight file, commit and hash.
        folder: Folder of the TOMLs.
        hub_id: Hub repository that has them now; a planned checkpoint becomes a published one.
    """
    path = folder / f"{name}.toml"
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    if hub_id is not None:
        document["hub_id"] = hub_id
        if document["status"] == "planned":
            document["status"] = "published"
    table = document.setdefault("weights", tomlkit.table())
    for key, value in vars(weights).items():
        if value is not None and table.get(key) != value:
            table[key] = value
    with write_whole(path, overwrite=True) as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    return read_checkpoint(path).weights or weights


def fetch_pin(checkpoint: Checkpoint) -> Weights:
    """Return the commit of the Hub's main branch and the hash of its weight file, safetensors by preference."""
    from huggingface_hub import HfApi

    if checkpoint.hub_id is None:
        raise CheckpointError(f"{checkpoint.name} is not on the Hub, so there is nothing to pin")
    try:
        info = HfApi().model_info(checkpoint.hub_id, files_metadata=True)
    except Exception as error:
        raise CheckpointError(
            f"cannot ask the Hub about {checkpoint.hub_id} ({first_line(error)}); check the network and HF_HUB_OFFLINE"
        ) from error
    files = {file.rfilename: file for file in info.siblings or []}
    for name in _WEIGHT_FILES:
        if name in files and (stored := files[name].lfs):
            megabytes = round(stored.size / 1e6, 1)
            return Weights(file=name, megabytes=megabytes, revision=info.sha, sha256=stored.sha256)
    raise CheckpointError(f"{checkpoint.hub_id} has none of {', '.join(_WEIGHT_FILES)} at {info.sha}")
