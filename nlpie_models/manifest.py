"""``SHA256SUMS``: the hash of every file of a folder, in the form that ``sha256sum --check`` reads."""

import re
from collections.abc import Mapping
from pathlib import Path

from .errors import CheckpointError
from .files import sha256_of

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^\r\n]+)")


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder by its POSIX name, without the manifest itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {name: sha256_of(path) for path in files if (name := path.relative_to(folder).as_posix()) != MANIFEST}


def render_manifest(hashes: Mapping[str, str]) -> str:
    """Return hashes by name as the text of a manifest."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes.items()))


def write_manifest(folder: Path) -> None:
    """Write the manifest of a folder into it."""
    (folder / MANIFEST).write_text(render_manifest(hash_files(folder)), encoding="utf-8")


def parse_manifest(text: str, source: str) -> dict[str, str]:
    """Return hashes by name of a manifest's text.

    Args:
        text: The text.
        source: What to call it in an error.

    Raises:
        CheckpointError: A line is not of that form.
    """
    hashes = {}
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if not found:
            raise CheckpointError(f"{source}: expected lines of a SHA-256, two spaces and a name; copy it again")
        hashes[found["name"]] = found["sha256"]
    return hashes


def verify_folder(folder: Path) -> None:
    """Compare the files of a folder with its manifest, if it has one; files that are not there are not missed.

    Raises:
        CheckpointError: A file is not the one that the manifest names.
    """
    path = folder / MANIFEST
    if not path.exists():
        return
    for name, expected in parse_manifest(path.read_text(encoding="utf-8"), str(path)).items():
        if (folder / name).is_file() and (found := sha256_of(folder / name)) != expected:
            raise CheckpointError(
                f"{folder / name} is not the file that {MANIFEST} names: expected SHA-256 {expected}, got {found}. "
                "Copy or download it again."
            )
