"""Soft targets kept in a file, so that another run beside the same teachers need not ask them again.

The file holds a hash of each passage and the probabilities of its tokens: no text.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..errors import NlpieError
from ..util.files import sha256_of, write_whole


class TargetStore:
    """The soft targets in a file, by passage.

    Args:
        path: The file; it need not exist.
        teachers: The files of the teachers' weights, on which the targets depend.
        labels: The student's tags, of which they are the probabilities.

    Raises:
        NlpieError: The file is damaged, or its targets are of other teachers or for other labels.
    """

    def __init__(self, path: Path, teachers: Sequence[Path], labels: Sequence[str]) -> None:
        self._path = path
        self._origin = sha256("\n".join([*map(sha256_of, teachers), *labels]).encode()).hexdigest()
        self._targets: dict[str, np.ndarray] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            with np.load(self._path) as file:
                origin, hashes = str(file["origin"]), file["hashes"].tolist()
                targets = np.split(file["targets"], np.cumsum(file["lengths"])[:-1])
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise NlpieError(f"{self._path} holds no soft targets or is damaged; remove it") from error
        if origin != self._origin:
            raise NlpieError(f"{self._path} holds soft targets of other teachers or labels; name another file")
        self._targets = dict(zip(hashes, targets, strict=True))

    def get(self, input_ids: np.ndarray) -> np.ndarray | None:
        """Return the targets (L, C) of a passage (L,), in half precision; None if the file does not have them."""
        return self._targets.get(_hash(input_ids))

    def add(self, input_ids: np.ndarray, targets: np.ndarray) -> None:
        """Keep the targets (L, C) of a passage (L,) for :meth:`save`."""
        self._targets[_hash(input_ids)] = targets.astype(np.float16)

    def save(self) -> None:
        """Write the file, whole or not at all."""
        with write_whole(self._path, overwrite=True) as partial, partial.open("wb") as file:
            np.savez(
                file,
                origin=np.array(self._origin),
                hashes=np.array(list(self._targets)),
                lengths=np.array([len(rows) for rows in self._targets.values()]),
                targets=np.concatenate(list(self._targets.values())),
            )


def _hash(input_ids: np.ndarray) -> str:
    return sha256(np.asarray(input_ids, dtype=np.int64).tobytes()).hexdigest()
