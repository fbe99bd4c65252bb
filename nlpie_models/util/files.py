"""Files and folders that are written whole or not at all, their hashes, and manifests of the files of a folder.

A manifest is a file ``SHA256SUMS`` with the hash of every other file of its folder, in the form that
``sha256sum --check`` reads.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ..errors import CheckpointError, NlpieError

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^\r\n]+)")


def check_absent(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a path that exists, unless it is to be overwritten.

    Raises:
        NlpieError: ``path`` exists, and ``overwrite`` is false.
    """
    if path.exists() and not overwrite:
        raise NlpieError(f"{path} exists already; add --overwrite to replace it")


@contextmanager
def write_whole(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path for a file or folder, and rename it to ``path`` if the block ends without an error.

    A link stays, and what it leads to is written.

    Raises:
        NlpieError: ``path`` exists, and ``overwrite`` is false.
    """
    check_absent(path, overwrite=overwrite)
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock of a file, so that only one process or thread at a time reads it and writes it again."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"nlpie-{name}.lock", thread_local=False):
        yield


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder by its POSIX name, without the folder's manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {name: sha256_of(path) for path in files if (name := path.relative_to(folder).as_posix()) != MANIFEST}


def render_manifest(hashes: Mapping[str, str]) -> str:
    """Return the text of a manifest of files whose hashes are given by name."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes.items()))


def write_manifest(folder: Path) -> None:
    """Write the manifest of a folder into it."""
    (folder / MANIFEST).write_text(render_manifest(hash_files(folder)), encoding="utf-8")


def parse_manifest(text: str, source: str) -> dict[str, str]:
    """Return the hashes in the text of a manifest, by name of the file.

    Args:
        text: The text.
        source: What an error calls it.

    Raises:
        CheckpointError: A line is not a hash, two spaces and a name.
    """
    hashes = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if not match:
            raise CheckpointError(f"{source}: expected lines of a SHA-256, two spaces and a name; copy it again")
        hashes[match["name"]] = match["sha256"]
    return hashes


def verify_folder(folder: Path) -> None:
    """Compare the files of a folder with its manifest, if it has one; files that are missing are not an error.

    Raises:
        CheckpointError: A file differs from the one that was hashed.
    """
    path = folder / MANIFEST
    if not path.exists():
        return
    for name, expected in parse_manifest(path.read_text(encoding="utf-8"), str(path)).items():
        if (folder / name).is_file() and (actual := sha256_of(folder / name)) != expected:
            raise CheckpointError(
                f"{folder / name} is not the file that {MANIFEST} names: expected SHA-256 {expected}, got {actual}. "
                "Copy or download it again."
            )
