"""What a checkpoint folder from elsewhere may hold against its reader: ways out of it, code, secrets, lying headers."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from .errors import CheckpointError

Kind = Literal["link", "path", "header", "secret", "code", "pickle"]
_AT_LOAD: tuple[Kind, ...] = ("link", "path", "header", "secret")
_LARGEST_HEADER = 100_000_000  # of a safetensors file; the reference reader's own limit
_LARGEST_TEXT = 50_000_000
_SECRETS = {
    "a Hugging Face token": re.compile(r"\bhf_(?:jwt_)?[A-Za-z0-9]{30,}"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "an API key": re.compile(r"\bsk-[A-Za-z0-9_-]{32,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
_CODE = {".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".bat", ".exe", ".js", ".ipynb"}
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".keras", ".msgpack"}
_TEXTS = {".json", ".jsonl", ".md", ".txt", ".toml", ".yaml", ".yml", ".cfg", ".ini", ".env", ""}


@dataclass(frozen=True)
class Hazard:
    """One such thing.

    Attributes:
        kind: What it is.
        what: File and reason, in words.
    """

    kind: Kind
    what: str


def refuse_hazards(folder: Path) -> None:
    """Refuse a folder whose files, as loading reads them, lead out of it, lie about their size or hold a secret.

    Code is not among it: ``auto_map`` is never looked at, and pickles go through torch's weights-only loader.

    Raises:
        CheckpointError: Names the file and what is wrong with it.
    """
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for hazard in _inspect(folder, [path for path in paths if path.is_symlink() or path.is_file()], light=True):
        raise CheckpointError(f"{folder} is not loaded: {hazard.what}")


def find_hazards(folder: Path) -> list[Hazard]:
    """Return all that is dangerous to load from a folder, or to publish, in any of its files, by their names."""
    paths = []
    for place, folders, files in os.walk(folder):
        paths += [Path(place) / name for name in files]
        paths += [path for name in folders if (path := Path(place) / name).is_symlink()]
    return list(_inspect(folder, sorted(paths), light=False))


def _inspect(folder: Path, paths: list[Path], *, light: bool) -> Iterator[Hazard]:
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() and not _stays(path, folder):
            yield Hazard("link", f"{name} is a link that leads out of the folder; put the file itself there")
            continue
        if not path.is_file():
            continue
        for kind, inspect in _INSPECTIONS.items():
            if not (light and kind not in _AT_LOAD):
                yield from (Hazard(kind, f"{name} {what}") for what in inspect(path, light))


def _stays(link: Path, folder: Path) -> bool:
    """Whether a link ends in its folder or, in the Hub's cache, among the blobs of its repository."""
    target, home = link.resolve(), folder.resolve()
    places = [home, *([home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [])]
    return any(target.is_relative_to(place) for place in places)


def _paths_out(path: Path, light: bool) -> Iterator[str]:
    """Yield what an index of weights, or of sentence-transformers' modules, names outside its folder."""
    if path.name == "modules.json":
        named = [module.get("path", "") for module in _json(path) or [] if isinstance(module, dict)]
    elif path.name.endswith(".index.json"):
        named = list(_table(_table(_json(path)).get("weight_map")).values())
    else:
        return
    for each in named:
        if not is_inside(str(each)):
            yield f"names {each!r}, a path that leads out of the folder; download the checkpoint again"
            return


def is_inside(name: str) -> bool:
    """Whether a relative POSIX path stays below the folder that it is joined to."""
    parts = PurePosixPath(name).parts
    return not (name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in name)


def _header(path: Path, light: bool) -> Iterator[str]:
    if path.suffix == ".safetensors":
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > min(_LARGEST_HEADER, path.stat().st_size - 8):
            yield (
                f"says that its header has {length:,} bytes, and the file has {path.stat().st_size:,}; copy or "
                "download the checkpoint again"
            )


def _secrets(path: Path, light: bool) -> Iterator[str]:
    if path.suffix not in _TEXTS or (light and "config" not in path.name):
        return
    text = _text(path)
    for what, pattern in _SECRETS.items():
        if pattern.search(text):
            yield f"holds what looks like {what}; revoke it, and take it out of the file"


def _code(path: Path, light: bool) -> Iterator[str]:
    if path.suffix.lower() in _CODE:
        yield "is code; no checkpoint needs any"
    elif path.suffix == ".json" and "auto_map" in _table(_json(path)):
        yield "has an auto_map, which asks for code to be run; take it out"


def _pickle(path: Path, light: bool) -> Iterator[str]:
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in _PICKLES or start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        yield "may be a pickle, which can run code; run `nlpie convert` for safetensors"
    elif start == b"PK\x03\x04":
        yield "is an archive; put the files themselves there"


_INSPECTIONS: dict[Kind, Callable[[Path, bool], Iterator[str]]] = {
    "path": _paths_out,
    "header": _header,
    "secret": _secrets,
    "code": _code,
    "pickle": _pickle,
}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size < _LARGEST_TEXT else ""


def _json(path: Path) -> Any:
    """Return what a JSON file holds; None of one that is none, which the loading itself reports."""
    try:
        return json.loads(_text(path))
    except ValueError:
        return None


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
