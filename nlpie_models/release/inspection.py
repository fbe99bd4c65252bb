"""What may not be passed on in a folder: secrets, code, pickles, and all that a load refuses."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..loading.unsafe_files import find_faults, find_secrets, read_json

_CODE = {".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".bat", ".exe", ".js", ".ipynb"}
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".keras", ".msgpack"}
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # of the protocols 2 to 5
_ARCHIVE_START = b"PK\x03\x04"


def find_unsafe_files(folder: Path) -> list[str]:
    """Return each file below a folder that leads out of it, has a false header, holds a secret or is code, and why."""
    found = []
    for path in _paths(folder):
        faults = list(find_faults(path, folder))
        if path.is_file() and not (faults and path.is_symlink()):
            faults += [*find_secrets(path), *_find_code(path)]
        found += [f"{path.relative_to(folder).as_posix()} {fault}" for fault in faults]
    return found


def find_pickles(folder: Path) -> list[str]:
    """Return each file below a folder that is an archive or may be a pickle, and what to do about it."""
    files = [path for path in _paths(folder) if path.is_file()]
    return [f"{path.relative_to(folder).as_posix()} {fault}" for path in files for fault in _find_pickle(path)]


def _paths(folder: Path) -> list[Path]:
    """Return the files below a folder, and the links to folders, which are not followed."""
    paths = []
    for place, folders, files in os.walk(folder):
        paths += [Path(place) / name for name in files]
        paths += [path for name in folders if (path := Path(place) / name).is_symlink()]
    return sorted(paths)


def _find_code(path: Path) -> Iterator[str]:
    if path.suffix.lower() in _CODE:
        yield "is code; no checkpoint needs any"
    elif path.suffix == ".json" and isinstance(content := read_json(path), dict) and "auto_map" in content:
        yield "has an auto_map, which asks for code to be run; take it out"


def _find_pickle(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in _PICKLES or start.startswith(_PICKLE_STARTS):
        yield "may be a pickle, which can run code; run `nlpie convert` for safetensors"
    elif start == _ARCHIVE_START:
        yield "is an archive; put the files themselves there"
