"""From a name to a folder of verified files, downloaded only if they are nowhere on this machine."""

import contextlib
import os
import re
import warnings
from pathlib import Path

from ..errors import CheckpointError, UnknownName, first_line
from ..registry import Checkpoint, default_checkpoint, get_checkpoint
from ..util.files import MANIFEST, sha256_of, verify_folder
from .local import ADAPTER_FILE, LocalCheckpoint, has_tokenizer, has_weights
from .unsafe_files import refuse_unsafe_files

HOME_VARIABLE = "NLPIE_MODELS_HOME"
PACKAGE = Path(__file__).parents[1]
BUNDLED_FOLDER = PACKAGE / "bundled"
ZOO_FOLDER = PACKAGE.parent / "zoo"
_FILES = [
    "*.json",
    "*.txt",
    "*.model",
    "model*.safetensors",
    "pytorch_model*.bin",
    "onnx/logits.*",
    "onnx/last_hidden_state.*",
    ADAPTER_FILE,
    MANIFEST,
]
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")


def find_checkpoint(name: str | os.PathLike[str] | None, revision: str | None = None) -> LocalCheckpoint:
    """Find the files of a checkpoint, downloading a Hub one that is not cached yet.

    Args:
        name: Registry name, alias, Hub id, local folder, or what a bundle has installed; None for the bundled default.
            A ``Path`` is a folder, whatever its name.
        revision: Hub revision in place of the pinned one.

    Raises:
        UnknownName: Neither a registry name, nor a folder, nor a Hub id.
        CheckpointError: It is not on this machine and cannot be downloaded, its hash is not the pinned one, a file in
            it is unsafe to load, or a revision is asked of a folder.
    """
    if name is None:
        row = default_checkpoint()
    elif not isinstance(name, str):
        return _open_given(name, revision)
    else:
        try:
            row = get_checkpoint(name)
        except UnknownName:
            if Path(name).is_dir():
                return _open_given(name, revision)
            if revision is None and (folder := find_installed(name)):
                return _open_verified(folder)
            if name.count("/") == 1 and not name.startswith((".", "/", "~")):
                return _open_verified(_download(name, revision))
            if "/" in name or os.sep in name:
                return _open_given(name, revision)
            raise
        if Path(name, "config.json").exists():
            warnings.warn(f"{name!r} is taken for the checkpoint of the zoo; the folder is './{name}'", stacklevel=2)
    folder = _folder_of(row, revision)
    if row.weights and row.weights.sha256 and revision in (None, row.weights.revision):
        _verify(folder / row.weights.file, row.weights.sha256)
        return open_folder(folder, row, row.weights.file)
    return open_folder(folder, row)


def open_folder(folder: Path, row: Checkpoint | None = None, weights_file: str | None = None) -> LocalCheckpoint:
    """Return the checkpoint in a folder.

    Args:
        folder: Where its files are.
        row: Its registry entry, if it has one.
        weights_file: The file whose hash was verified.

    Raises:
        CheckpointError: A file in it is unsafe to load; see :mod:`nlpie_models.loading.unsafe_files`.
    """
    refuse_unsafe_files(folder)
    return LocalCheckpoint(folder, row, weights_file)


def models_home() -> Path:
    """Return the folder of installed checkpoints.

    It is ``$NLPIE_MODELS_HOME``, else ``nlpie_models`` in ``$XDG_DATA_HOME`` or in ``~/.local/share``.
    """
    if given := os.environ.get(HOME_VARIABLE):
        return Path(given).expanduser()
    data_home = os.environ.get("XDG_DATA_HOME")
    return (Path(data_home) if data_home else Path.home() / ".local" / "share") / "nlpie_models"


def is_installable(name: str) -> bool:
    """Whether a name can be that of an installed checkpoint: a plain one, or a Hub id."""
    return _NAME.fullmatch(name) is not None


def is_here(row: Checkpoint) -> bool:
    """Whether the files of a checkpoint are on this machine: with the package, in its checkout, installed or cached."""
    if any((place / row.name).is_dir() for place in (BUNDLED_FOLDER, ZOO_FOLDER)) or find_installed(row.name):
        return True
    return (
        row.hub_id is not None and _find_cached(row.hub_id, row.weights.revision if row.weights else None) is not None
    )


def find_installed(name: str) -> Path | None:
    """Return the folder of an installed checkpoint, or None."""
    folder = models_home() / name
    return folder if is_installable(name) and folder.is_dir() else None


def _open_given(name: str | os.PathLike[str], revision: str | None) -> LocalCheckpoint:
    if not Path(name).is_dir():
        raise CheckpointError(f"there is no folder {os.fspath(name)!r}; check the path")
    if revision is not None:
        raise CheckpointError(f"{os.fspath(name)} is a folder, which has no revision {revision}; leave it out")
    return open_folder(Path(name))


def _folder_of(row: Checkpoint, revision: str | None) -> Path:
    for folder in (BUNDLED_FOLDER / row.name, ZOO_FOLDER / row.name):
        if folder.is_dir():
            if revision is not None:
                raise CheckpointError(f"{row.name} comes with this package and has no revisions; got {revision!r}")
            return folder
    pinned = row.weights.revision if row.weights else None
    if revision in (None, pinned) and (installed := find_installed(row.name)):
        verify_folder(installed)
        return installed
    if row.hub_id is None:
        if row.status == "zoo":
            raise CheckpointError(
                f"the weights of {row.name} are in the repository and not in the package: pass the path of the folder "
                f"zoo/{row.name} of a checkout"
            )
        default = default_checkpoint().name
        raise CheckpointError(f"{row.name} has no weights yet (status: {row.status}). Use {default}, which is here.")
    return _download(row.hub_id, revision or pinned)


def _open_verified(folder: Path) -> LocalCheckpoint:
    """Return the checkpoint in a folder that no row pins, its files those that its own manifest names, if any."""
    verify_folder(folder)
    return open_folder(folder)


def _download(hub_id: str, revision: str | None) -> Path:
    """Return the cached snapshot of a Hub repository; only a snapshot that is not cached is asked of the network."""
    from huggingface_hub import snapshot_download

    if cached := _find_cached(hub_id, revision):
        return cached
    at = f" --revision {revision}" if revision else ""
    try:
        fetched = Path(snapshot_download(hub_id, revision=revision, allow_patterns=_FILES))
        if not _is_whole(fetched):
            raise CheckpointError("only a part of it is in the cache")
        return fetched
    except Exception as error:
        raise CheckpointError(
            f"{hub_id} is not on this machine and could not be downloaded ({first_line(error)}). "
            f"With a network, run `hf download {hub_id}{at}`; without one, copy the folder here and pass its path."
        ) from error


def _find_cached(hub_id: str, revision: str | None) -> Path | None:
    """Return the snapshot of a Hub repository in the cache of this machine; None if it is not whole there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    with contextlib.suppress(LocalEntryNotFoundError, HFValidationError):
        folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=_FILES, local_files_only=True))
        if _is_whole(folder):
            return folder
    return None


def _is_whole(folder: Path) -> bool:
    has_own_tokenizer = has_tokenizer(folder) or (folder / ADAPTER_FILE).exists()
    return (folder / "config.json").exists() and has_own_tokenizer and has_weights(folder)


def _verify(path: Path, sha256: str) -> None:
    if not path.exists():
        raise CheckpointError(f"{path} is missing; copy or download the checkpoint again")
    found = sha256_of(path)
    if found != sha256:
        raise CheckpointError(
            f"{path} is not the pinned file: expected SHA-256 {sha256}, got {found}. Copy or download it again."
        )
