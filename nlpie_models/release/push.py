"""The release of a checkpoint: a checked folder as one commit on the Hub, a tag, and a pinned row."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .._version import __version__
from ..errors import ReleaseError
from ..registry import CHECKPOINTS_FOLDER, read_checkpoint
from ..util.files import write_whole
from .cards import card_path, make_card
from .checks import run_checks
from .commit import Prove, find_tagged, log_in, propose_commit, push_commit, put_tag, verify_commit
from .pin import write_pin
from .plan import AGAIN, Subject, plan_push, stage, weights_of
from .smoke import try_folder

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TAG = f"v{__version__}"


@dataclass(frozen=True)
class Pushed:
    """The outcome of a push.

    Attributes:
        outcome: ``nothing`` was to do; ``finished``: the Hub had the files, and tag or pin were missing; ``pushed``;
            ``pull request``: main is as it was.
        commit: The commit that has the release.
        url: Address of the pull request; None without one.
    """

    outcome: Literal["nothing", "finished", "pushed", "pull request"]
    commit: str
    url: str | None = None


def push(
    subject: Subject,
    repo_id: str,
    *,
    api: "HfApi",
    tag: str = TAG,
    pull_request: bool = False,
    registry: Path = CHECKPOINTS_FOLDER,
) -> Pushed:
    """Release a checkpoint: check it, push one commit, load the commit from the Hub, tag it, and pin the row.

    After any failure, the Hub's main has the old release or the whole new one. If the files that the Hub returns are
    not those that were pushed, or cannot be loaded, main gets its old files back. A push completes what an earlier one
    that was cut short has left to do.

    Args:
        subject: The checkpoint.
        repo_id: Repository of the Hub.
        api: The Hub's client.
        tag: Name of the release.
        pull_request: Propose the commit and leave main alone. A push after its merge tags and pins.
        registry: Folder of the TOMLs.

    Raises:
        ReleaseError: A check fails, or the Hub refuses the push; says what the Hub has now and what to do.
    """
    if failed := [finding for finding in run_checks(subject) if finding.outcome != "ok"]:
        reasons = "; ".join(f"{finding.check}: {finding.detail}" for finding in failed)
        raise ReleaseError(f"not fit to be released: {reasons}")
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
    """Return a function that tries, in a fresh process, whether downloaded files annotate as the subject does."""

    def prove(got: Path) -> str | None:
        same = try_folder(got, subject.tasks).answers == subject.smoke.answers
        return None if same else f"annotates differently from {subject.folder}"

    return prove


def _pin(subject: Subject, repo_id: str, commit: str, registry: Path) -> None:
    """Write repository, commit and hash into the row of a checkpoint, and make its card again."""
    row = subject.need_row()
    write_pin(row.name, weights_of(subject.checkpoint, commit), registry, hub_id=repo_id)
    with write_whole(card_path(row, subject.cards), overwrite=True) as temporary:
        card = make_card(read_checkpoint(registry / f"{row.name}.toml"), subject.cards)
        temporary.write_text(card, encoding="utf-8")


def _pinned_commit(subject: Subject, registry: Path) -> str | None:
    weights = read_checkpoint(registry / f"{subject.need_row().name}.toml").weights
    return weights.revision if weights else None
