"""Reading before writing: what is released, the files of the release, and what they would change on the Hub."""

import hashlib
import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ReleaseError, UnknownName, first_line
from ..loading.find import find_checkpoint, open_folder
from ..loading.local import ADAPTER_FILE, LocalCheckpoint
from ..registry import Checkpoint, Weights, get_checkpoint, list_checkpoints
from ..tasks.serving import served_tasks
from ..util.files import sha256_of, write_manifest
from .cards import CARDS_FOLDER, find_notes, make_card
from .convert import export_checkpoint
from .smoke import Smoke, try_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAIN = "main"
AGAIN = "run the same command again"
CARD = "README.md"
RepoType = Literal["model", "dataset"]
_FILES_OF_THE_HUB = (".gitattributes",)
_FILES_OF_A_CHECKPOINT = re.compile(
    r"nlpie_models/checkpoints/(?P<row>[^/]+)\.toml|(nlpie_models/bundled|zoo)/(?P<folder>[^/]+)/.+"
)


@dataclass(frozen=True)
class Subject:
    """A checkpoint to check or to release.

    Attributes:
        folder: Its files, as the registry has them.
        row: Its row in the registry; None if it has none.
        cards: The folder ``model_cards`` of the checkout.
    """

    folder: Path
    row: Checkpoint | None
    cards: Path

    @cached_property
    def checkpoint(self) -> LocalCheckpoint:
        """The opened folder."""
        return open_folder(self.folder)

    @cached_property
    def release(self) -> LocalCheckpoint:
        """What is released: the folder or, of an adapter, it joined with its base, which ``AutoModel`` can load."""
        if not self.checkpoint.base:
            return self.checkpoint
        temporary = tempfile.mkdtemp(prefix="nlpie-release-")
        weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
        joined = Path(temporary) / self.folder.resolve().name
        export_checkpoint(self.folder, joined, join=True)
        return open_folder(joined)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are tried: those of the row's heads, or of the files' heads; embedding if it has no head."""
        if self.row is not None:
            return self.row.heads or ("embedding",)
        served = served_tasks(self.checkpoint)
        return tuple(task for task in served if task != "embedding") or ("embedding",)

    @cached_property
    def smoke(self) -> Smoke:
        """What a fresh process makes of the folder."""
        return try_folder(self.release.folder, self.tasks)

    def need_row(self) -> Checkpoint:
        """Return the row.

        Raises:
            ReleaseError: There is none.
        """
        if self.row is None:
            name = self.folder.resolve().name
            raise ReleaseError(
                f"the registry has no checkpoint {name!r}: name the folder after its row, or add "
                f"nlpie_models/checkpoints/{name}.toml"
            )
        return self.row


@dataclass(frozen=True)
class ReleasePlan:
    """What a push would change in a repository.

    Attributes:
        repo_id: The repository.
        parent: Commit that the release was compared with; None if there is no such repository.
        repo_type: Its kind, as the Hub calls it.
        added: Files that only the release has.
        changed: Files that both have, with different content.
        removed: Files that only the repository has.
        small: Files of the repository that git itself holds, not its large-file storage.
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
        """The path of the repository on the Hub, which a trusted publisher names too."""
        return self.repo_id if self.repo_type == "model" else f"{self.repo_type}s/{self.repo_id}"

    @property
    def empty(self) -> bool:
        """Whether the repository has the files of the release already, and no others."""
        return not (self.added or self.changed or self.removed)


def find_subject(name: str, cards: Path = CARDS_FOLDER) -> Subject:
    """Return the checkpoint to check or to release.

    Args:
        name: A name of the registry, or a folder with the name of a row.
        cards: The folder ``model_cards`` of the checkout.

    Raises:
        UnknownName: It is neither.
        NlpieError: Its files are not here, or are not those that the registry pins.
    """
    try:
        row = get_checkpoint(name)
    except UnknownName:
        folder = Path(name)
        if not folder.is_dir():
            raise
        try:
            return Subject(folder, get_checkpoint(folder.resolve().name), cards)
        except UnknownName:
            return Subject(folder, None, cards)
    return Subject(find_checkpoint(row.name).folder, row, cards)


def find_changed(since: str, root: Path) -> list[str]:
    """Return the checkpoints that a suite can fine-tune and whose row or files have changed since a commit, by name.

    A planned checkpoint has no weights yet, and an adapter is fine-tuned already.

    Args:
        since: The commit, by any name that git knows it by.
        root: The checkout.

    Raises:
        ReleaseError: It is no checkout, or git does not know the commit.
    """
    command = ["git", "diff", "--name-only", "-z", "--end-of-options", since, "HEAD"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), "git failed").rstrip(".")
        raise ReleaseError(f"cannot compare {since!r} with this checkout ({reason}); give a commit that it has")
    matches = map(_FILES_OF_A_CHECKPOINT.fullmatch, done.stdout.split("\0"))
    changed = {match["row"] or match["folder"] for match in matches if match}
    rows = [row for row in list_checkpoints() if row.name in changed and row.status != "planned"]
    return sorted(row.name for row in rows if not (row.weights and row.weights.file == ADAPTER_FILE))


@contextmanager
def stage(subject: Subject, repo_id: str) -> Iterator[Path]:
    """Give a temporary folder with all the files of a release: the checkpoint's, card, notes, and hashes of them all.

    Raises:
        NlpieError: The card cannot be made.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "release"
        shutil.copytree(subject.release.folder, folder)
        row = replace(_released_row(subject.need_row(), repo_id), weights=weights_of(subject.release, revision=None))
        (folder / CARD).write_text(make_card(row, subject.cards), encoding="utf-8")
        if notes := find_notes(row, subject.cards):
            (folder / notes).parent.mkdir()
            shutil.copyfile(subject.cards / notes, folder / notes)
        write_manifest(folder)
        yield folder


def weights_of(checkpoint: LocalCheckpoint, revision: str | None) -> Weights:
    """Return what a row is to say of the weights of a checkpoint."""
    path = checkpoint.weights
    return Weights(
        file=path.name,
        megabytes=round(path.stat().st_size / 1e6, 1),
        revision=revision,
        sha256=sha256_of(path),
    )


def plan_push(
    folder: Path, repo_id: str, api: "HfApi", revision: str = MAIN, *, repo_type: RepoType = "model"
) -> ReleasePlan:
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
            return ReleasePlan(repo_id, None, repo_type, added=tuple(files))
        tree = api.list_repo_tree(repo_id, recursive=True, repo_type=repo_type, revision=commit)
        there = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    return ReleasePlan(
        repo_id,
        commit,
        repo_type,
        added=tuple(name for name in files if name not in there),
        changed=tuple(name for name in files if name in there and not _is_same(folder / name, there[name])),
        removed=tuple(sorted(there.keys() - set(files) - set(_FILES_OF_THE_HUB))),
        small=frozenset(name for name, entry in there.items() if entry.lfs is None),
    )


@contextmanager
def step(what: str, state: str) -> Iterator[None]:
    """Turn any error of the Hub's client into one line that says what the Hub has now, and what to do.

    Args:
        what: What is tried, as in "could not ...".
        state: What the Hub has if it fails, and what to do.

    Raises:
        ReleaseError: The block failed.
    """
    try:
        yield
    except ReleaseError:
        raise
    except Exception as error:
        raise ReleaseError(f"could not {what}: {first_line(error)}. {state}".strip()) from error


def _released_row(row: Checkpoint, repo_id: str) -> Checkpoint:
    """Return a row as it will be after the release, so that the card that is pushed stays fresh."""
    return replace(row, hub_id=repo_id, status="published" if row.status == "planned" else row.status)


def _is_same(path: Path, entry: Any) -> bool:
    """Whether a file has the content that the Hub has: large files are known by SHA-256, others by git's hash."""
    if entry.lfs is not None:
        return entry.lfs.sha256 == sha256_of(path)
    content = path.read_bytes()
    return entry.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
