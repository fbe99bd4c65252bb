"""Releases of checkpoints: a checked folder as one commit on the Hub, a tag, and a pinned row."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ._version import __version__
from .cards import CARDS_FOLDER, card_path, make_card
from .checkpoint_files import find_checkpoint
from .errors import ReleaseError, UnknownName
from .files import write_whole
from .pinning import write_pin
from .registry import CHECKPOINTS_FOLDER, get_checkpoint, read_checkpoint
from .release_checks import Finding, Subject, run_checks
from .release_commit import Prove, find_tagged, log_in, propose_commit, push_commit, put_tag, verify_commit
from .release_plan import AGAIN, plan_push, stage, weights_of
from .smoke import try_folder
from .tasks import get_task

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TAG = f"v{__version__}"


@dataclass(frozen=True)
class Pushed:
    """What a push has done.

    Attributes:
        outcome: ``nothing``: all was there already; ``finished``: the files were, and what follows was not.
        commit: The commit that has the release.
        url: The pull request, if one was asked for.
    """

    outcome: Literal["nothing", "finished", "pushed", "pull request"]
    commit: str
    url: str | None = None


def find_subject(name: str, cards: Path = CARDS_FOLDER) -> Subject:
    """Return what to check or release.

    Args:
        name: A name of the registry, or a folder that is called after one.
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
    return Subject(find_checkpoint(row.name, get_task("embedding"), None).folder, row, cards)


def check(name: str, *, cards: Path = CARDS_FOLDER) -> tuple[Finding, ...]:
    """Check whether a checkpoint is fit to be released.

    Raises:
        NlpieError: As :func:`find_subject`.
    """
    return run_checks(find_subject(name, cards))


def push(
    subject: Subject,
    repo_id: str,
    *,
    api: "HfApi",
    tag: str = TAG,
    pull_request: bool = False,
    registry: Path = CHECKPOINTS_FOLDER,
) -> Pushed:
    """Release a checkpoint: check it, push one commit, load what the Hub has then, tag it, and pin its row.

    Whatever fails, the Hub's main has the old release or the whole new one. If what the Hub gives back cannot be loaded
    or is another, main gets its old files back. What a push that was cut short has left to do, the next one does.

    Args:
        subject: The checkpoint.
        repo_id: Repository of the Hub.
        api: The Hub's client.
        tag: Name of the release.
        pull_request: Propose the commit and leave main alone. Once it is merged, push again: that tags and pins.
        registry: Folder of the TOMLs.

    Raises:
        ReleaseError: A check fails, or the Hub does not take the push; says what the Hub has now and what to do.
    """
    if failed := [finding for finding in run_checks(subject) if finding.outcome != "ok"]:
        raise ReleaseError(f"not fit to be released: {'; '.join(f'{each.check}: {each.detail}' for each in failed)}")
    log_in(api, repo_id)
    prove = _prover(subject)
    with stage(subject, repo_id) as folder:
        plan = plan_push(folder, repo_id, api)
        tagged = None if plan.parent is None else find_tagged(api, plan, tag)
        if plan.empty:
            commit = str(plan.parent)
            if commit == tagged == _pinned_commit(subject, registry):
                return Pushed("nothing", commit)
            verify_commit(api, folder, plan, commit, prove, f"main had these files before this run; {AGAIN}")
        elif pull_request:
            return Pushed("pull request", *propose_commit(api, folder, plan, f"Release {tag}", prove))
        else:
            commit = push_commit(api, folder, plan, f"Release {tag}", prove)
    if tagged is None:
        put_tag(api, plan, tag, commit)
    _pin(subject, repo_id, commit, registry)
    return Pushed("finished" if plan.empty else "pushed", commit)


def _prover(subject: Subject) -> Prove:
    """Return what tries whether a downloaded checkpoint annotates as the subject does, in a fresh process."""

    def prove(got: Path) -> str | None:
        same = try_folder(got, subject.tasks).answers == subject.smoke.answers
        return None if same else f"annotates otherwise than {subject.folder}"

    return prove


def _pin(subject: Subject, repo_id: str, commit: str, registry: Path) -> None:
    """Write repository, commit and hash into the checkpoint's row, and the card that follows from it."""
    row = subject.need_row()
    write_pin(row.name, weights_of(subject.checkpoint, commit), registry, hub_id=repo_id)
    with write_whole(card_path(row, subject.cards), overwrite=True) as temporary:
        card = make_card(read_checkpoint(registry / f"{row.name}.toml"), subject.cards)
        temporary.write_text(card, encoding="utf-8")


def _pinned_commit(subject: Subject, registry: Path) -> str | None:
    weights = read_checkpoint(registry / f"{subject.need_row().name}.toml").weights
    return weights.revision if weights else None
