"""What a release would be, and would change on the Hub: read, compared, and nothing written there."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .cards import make_card
from .checkpoint_files import LocalCheckpoint
from .errors import ReleaseError
from .files import sha256_of
from .manifest import write_manifest
from .registry import Checkpoint, Weights
from .release_checks import Subject

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAIN = "main"
AGAIN = "run the same command again"
CARD = "README.md"
RepoType = Literal["model", "dataset"]
_HUBS_OWN = (".gitattributes",)


@dataclass(frozen=True)
class Plan:
    """What a push would change in a repository.

    Attributes:
        repo_id: The repository.
        parent: Commit that it was compared with; None if there is no such repository.
        repo_type: What the Hub calls its kind: ``model`` or ``dataset``.
        added: Files that only the release has.
        changed: Files that both have, and that differ.
        removed: Files that only the repository has.
        small: Those of its files that git itself holds, not its large-file storage.
    """

    repo_id: str
    parent: str | None
    repo_type: RepoType = "model"
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    small: frozenset[str] = frozenset()

    @property
    def address(self) -> str:
        """The repository's path on the Hub, by which a trusted publisher names it, too."""
        return self.repo_id if self.repo_type == "model" else f"{self.repo_type}s/{self.repo_id}"

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


@contextmanager
def stage(subject: Subject, repo_id: str) -> Iterator[Path]:
    """Give a temporary folder with all the files of a release: the checkpoint's, the card, and the hashes of them.

    Raises:
        NlpieError: The card cannot be made.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "release"
        shutil.copytree(subject.folder, folder)
        row = replace(_released_row(subject.need_row(), repo_id), weights=weights_of(subject.checkpoint, revision=None))
        (folder / CARD).write_text(make_card(row, subject.cards), encoding="utf-8")
        write_manifest(folder)
        yield folder


def _released_row(row: Checkpoint, repo_id: str) -> Checkpoint:
    """Return a row as it will be after the release, so that the card that is pushed stays fresh."""
    return replace(row, hub_id=repo_id, status="published" if row.status == "planned" else row.status)


def weights_of(checkpoint: LocalCheckpoint, revision: str | None) -> Weights:
    """Return what a row is to say of a checkpoint's weights."""
    path = checkpoint.weights
    return Weights(
        file=path.name,
        megabytes=round(path.stat().st_size / 1e6, 1),
        revision=revision,
        sha256=sha256_of(path),
    )


def plan_push(folder: Path, repo_id: str, api: "HfApi", revision: str = MAIN, *, repo_type: RepoType = "model") -> Plan:
    """Compare the files of a release with a repository, without changing either.

    Raises:
        ReleaseError: The Hub cannot be asked.
    """
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with step(f"ask the Hub about {repo_id}", f"Nothing was changed; check the network, and {AGAIN}"):
        try:
            commit = api.repo_info(repo_id, repo_type=repo_type, revision=revision).sha
        except RepositoryNotFoundError:
            return Plan(repo_id, None, repo_type, added=tuple(files))
        tree = api.list_repo_tree(repo_id, recursive=True, repo_type=repo_type, revision=commit)
        there = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    return Plan(
        repo_id,
        commit,
        repo_type,
        added=tuple(name for name in files if name not in there),
        changed=tuple(name for name in files if name in there and not _is_same(folder / name, there[name])),
        removed=tuple(sorted(there.keys() - set(files) - set(_HUBS_OWN))),
        small=frozenset(name for name, entry in there.items() if entry.lfs is None),
    )


def _is_same(path: Path, entry: Any) -> bool:
    """Whether a file is the one that the Hub has: large ones are known by SHA-256, others as git knows them."""
    if entry.lfs is not None:
        return entry.lfs.sha256 == sha256_of(path)
    content = path.read_bytes()
    return entry.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def step(what: str, state: str) -> Iterator[None]:
    """Turn whatever the Hub's client raises into one line that says what the Hub has now, and what to do."""
    try:
        yield
    except ReleaseError:
        raise
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise ReleaseError(f"could not {what}: {reason}. {state}".strip()) from error
