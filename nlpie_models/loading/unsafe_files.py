"""What a load refuses in a checkpoint folder: ways out of the folder, false headers, secrets in its settings.

Code is not among it: ``auto_map`` is never read, and pickles go through torch's weights-only loader.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import CheckpointError

_LARGEST_HEADER = 100_000_000  # bytes, of a safetensors file; the limit of safetensors' own reader
_LARGEST_TEXT = 50_000_000  # bytes
_SECRETS = {
    "a Hugging Face token": re.compile(r"\bhf_(?:jwt_)?[A-Za-z0-9]{30,}"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "an API key": re.compile(r"\bsk-[A-Za-z0-9_-]{32,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
_TEXTS = {".json", ".jsonl", ".md", ".txt", ".toml", ".yaml", ".yml", ".cfg", ".ini", ".env", ""}


def refuse_unsafe_files(folder: Path) -> None:
    """Refuse a folder that is unsafe to load.

    Raises:
        CheckpointError: Names the file and what is wrong with it.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        faults = list(find_faults(path, folder))
        if not faults and path.is_file() and "config" in path.name:
            faults = list(find_secrets(path))
        if faults:
            raise CheckpointError(f"{folder} is not loaded: {path.name} {faults[0]}")


def find_faults(path: Path, folder: Path) -> Iterator[str]:
    """Yield how a file leads a reader out of its folder, or deceives the reader about its size."""
    if path.is_symlink() and not _stays(path, folder):
        yield "is a link that leads out of the folder; put the file itself there"
    elif path.is_file():
        yield from _find_paths_out(path)
        yield from _find_false_header(path)


def find_secrets(path: Path) -> Iterator[str]:
    """Yield the kinds of secrets that a text file seems to hold, never the secrets themselves."""
    text = read_text(path) if path.suffix in _TEXTS else ""
    for what, pattern in _SECRETS.items():
        if pattern.search(text):
            yield f"holds what looks like {what}; revoke it, and take it out of the file"


def is_inside(name: str) -> bool:
    """Whether a relative POSIX path stays below the folder that it is joined to."""
    parts = PurePosixPath(name).parts
    return not (name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in name)


def read_text(path: Path) -> str:
    """Return the text of a file, whatever its encoding; nothing of one that is too large to be settings."""
    return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size < _LARGEST_TEXT else ""


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; None of a damaged one, which the loading itself reports."""
    try:
        return json.loads(read_text(path))
    except ValueError:
        return None


def _stays(link: Path, folder: Path) -> bool:
    """Whether a link ends in its folder or, in the Hub's cache, among the blobs of its repository."""
    target, home = link.resolve(), folder.resolve()
    places = [home, *([home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [])]
    return any(target.is_relative_to(place) for place in places)


def _find_paths_out(path: Path) -> Iterator[str]:
    """Yield a path outside the folder that an index of weights, or of sentence-transformers' modules, names."""
    named: list[Any] = []
    if path.name == "modules.json" and isinstance(modules := read_json(path), list):
        named = [module.get("path", "") for module in modules if isinstance(module, dict)]
    elif path.name.endswith(".index.json") and isinstance(index := read_json(path), dict):
        files = index.get("weight_map")
        named = list(files.values()) if isinstance(files, dict) else []
    for name in named:
        if not is_inside(str(name)):
            yield f"names {name!r}, a path that leads out of the folder; download the checkpoint again"
            return


def _find_false_header(path: Path) -> Iterator[str]:
    if path.suffix == ".safetensors":
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > min(_LARGEST_HEADER, path.stat().st_size - 8):
            yield (
                f"says that its header has {length:,} bytes, and the file has {path.stat().st_size:,}; copy or "
                "download the checkpoint again"
            )
