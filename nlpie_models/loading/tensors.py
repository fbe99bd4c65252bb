"""The tensors of a checkpoint's files as float32 arrays, read without torch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..errors import CheckpointError

SCALE = ".scale"
"""Ends the name of what the rows of a matrix of 8-bit changes are to be multiplied by."""


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a safetensors file, by their names.

    Raises:
        CheckpointError: The file is damaged.
    """
    try:
        return {name: weight.astype(np.float32, copy=False) for name, weight in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot load {path}: {error}. Copy or download the checkpoint again.") from error


def read_changes(path: Path, base: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors of an adapter's file: those that differ from its base's.

    Args:
        path: The file.
        base: Tensors of the base.

    Raises:
        CheckpointError: The file is damaged, or holds the change of a tensor that the base lacks.
    """
    stored = read_tensors(path)
    scales = {name.removesuffix(SCALE): stored.pop(name) for name in list(stored) if name.endswith(SCALE)}
    for name in scales:
        if name not in stored or name not in base or stored[name].shape != base[name].shape:
            raise CheckpointError(f"{path} holds a change of {name}, which its base lacks or has in another shape")
    return {name: base[name] + weight * scales[name] if name in scales else weight for name, weight in stored.items()}
