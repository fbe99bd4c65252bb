"""Releases: a checked folder as one atomic commit on the Hub. The only module that writes there."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ._version import __version__
from .cards import CARDS_FOLDER, card_path, make_card
from .checkpoint_files import find_checkpoint
from .errors import NlpieError, ReleaseError, UnknownName
from .files import sha256_of, write_whole
from .manifest import MANIFEST, hash_files
from .pinning import write_pin
from .registry import CHECKPOINTS_FOLDER, get_checkpoint, read_checkpoint
from .release_checks import Finding, Subject, run_checks
from .release_plan import AGAIN, MAIN, Plan, plan_push, stage, step, weights_of
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
    _log_in(api, repo_id)
    with stage(subject, repo_id) as folder:
        plan = plan_push(folder, repo_id, api)
        tagged = None if plan.parent is None else _tagged_commit(api, plan, tag)
        if plan.empty:
            if (plan.parent, plan.parent) == (tagged, _pinned_commit(subject, registry)):
                return Pushed("nothing", str(plan.parent))
            commit, url = str(plan.parent), None
            _verify(api, subject, folder, repo_id, commit, f"main had these files before this run; {AGAIN}")
        else:
            plan = plan if plan.parent else _create(api, plan)
            commit, url = _commit_and_verify(api, subject, folder, plan, tag, pull_request=pull_request)
    if pull_request and not plan.empty:
        return Pushed("pull request", commit, url)
    if tagged is None:
        with step(f"tag {commit}", f"main has the whole release, and no tag; {AGAIN}"):
            api.create_tag(repo_id, tag=tag, revision=commit)
    _pin(subject, repo_id, commit, registry)
    return Pushed("finished" if plan.empty else "pushed", commit)


def _log_in(api: "HfApi", repo_id: str) -> None:
    """Make sure that there is a token: given, kept by `hf auth login`, or from the Hub's trusted publisher."""
    from huggingface_hub import get_token

    with step("log in", f"Nothing was changed; {AGAIN}"):
        token = api.token or get_token()
    if not token:
        raise ReleaseError(
            "there is no token: run `hf auth login`, set HF_TOKEN or, in GitHub Actions, let the Hub trust the workflow"
            f" and set HF_OIDC_RESOURCE to {repo_id}"
        )


def _tagged_commit(api: "HfApi", plan: Plan, tag: str) -> str | None:
    """Return the commit that has the tag; None if no commit has it.

    Raises:
        ReleaseError: It is on another release, or the Hub cannot be asked.
    """
    with step("list the tags", f"Nothing was changed; {AGAIN}"):
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(plan.repo_id).tags}
    found = tags.get(tag)
    if found is not None and not (plan.empty and found == plan.parent):
        raise ReleaseError(
            f"{plan.repo_id} has the tag {tag} already, on {found}, which is another release. Nothing was changed; "
            "raise the version, or give another --tag"
        )
    return found


def _create(api: "HfApi", plan: Plan) -> Plan:
    with step(f"create {plan.repo_id}", f"Nothing was pushed; check that the token may write there, and {AGAIN}"):
        api.create_repo(plan.repo_id, exist_ok=True)
        return replace(plan, parent=api.repo_info(plan.repo_id, revision=MAIN).sha)


def _commit_and_verify(
    api: "HfApi", subject: Subject, folder: Path, plan: Plan, tag: str, *, pull_request: bool
) -> tuple[str, str | None]:
    """Push the release and load it again; if that fails, main gets its old files back."""
    if pull_request:
        found = _find_pull_request(api, folder, plan.repo_id)
        commit, url = found or _commit(api, folder, plan, tag, pull_request=True)
        _verify(api, subject, folder, plan.repo_id, commit, f"main is as it was; {AGAIN}")
        return commit, url
    with tempfile.TemporaryDirectory() as temporary:
        old = _keep_small_files(api, plan, temporary)
        commit, url = _commit(api, folder, plan, tag, pull_request=False)
        try:
            _verify(api, subject, folder, plan.repo_id, commit, "")
        except NlpieError as error:
            _restore(api, plan, commit, old, error)
    return commit, url


def _keep_small_files(api: "HfApi", plan: Plan, cache: str) -> Path:
    """Download what git would need to restore; the Hub can copy large files from the old commit by itself."""
    from huggingface_hub import snapshot_download

    wanted = [name for name in (*plan.changed, *plan.removed) if name in plan.small]
    if not wanted:
        return Path(cache)
    with step("keep the old files", f"Nothing was changed; {AGAIN}"):
        kept = snapshot_download(
            plan.repo_id,
            revision=plan.parent,
            allow_patterns=wanted,
            cache_dir=cache,
            endpoint=api.endpoint,
            token=api.token,
        )
    return Path(kept)


def _commit(api: "HfApi", folder: Path, plan: Plan, tag: str, *, pull_request: bool) -> tuple[str, str | None]:
    """Push the release as one commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(folder / name))
        for name in (*plan.added, *plan.changed)
    ]
    operations += [CommitOperationDelete(path_in_repo=name) for name in plan.removed]
    state = f"main is as it was, or has the whole release if only the answer was lost; {AGAIN}, which finds out"
    with step(f"push to {plan.repo_id}", state):
        made = api.create_commit(
            plan.repo_id,
            operations,
            commit_message=f"Release {tag}",
            parent_commit=plan.parent,
            create_pr=pull_request,
        )
    return made.oid, made.pr_url


def _find_pull_request(api: "HfApi", folder: Path, repo_id: str) -> tuple[str, str] | None:
    """Return commit and address of a pull request that has the very files of the release."""
    with step("list the pull requests", f"main is as it was; {AGAIN}"):
        refs = api.list_repo_refs(repo_id, include_pull_requests=True).pull_requests or []
    for ref in refs:
        if plan_push(folder, repo_id, api, ref.ref).empty:
            return ref.target_commit, f"{api.endpoint}/{repo_id}/discussions/{ref.ref.rpartition('/')[2]}"
    return None


def _verify(api: "HfApi", subject: Subject, folder: Path, repo_id: str, commit: str, state: str) -> None:
    """Download a commit into an empty cache, compare every hash, and annotate in a fresh process.

    Raises:
        ReleaseError: It cannot be downloaded or loaded, or is not what was pushed.
    """
    from huggingface_hub import snapshot_download

    with tempfile.TemporaryDirectory() as cache:
        with step(f"load {repo_id} at {commit} again", state):
            got = Path(
                snapshot_download(repo_id, revision=commit, cache_dir=cache, endpoint=api.endpoint, token=api.token)
            )
            expected, found = (_all_hashes(each) for each in (folder, got))
        if different := sorted(name for name in expected if expected[name] != found.get(name)):
            raise ReleaseError(
                f"the Hub gives back other bytes than were pushed: {', '.join(different)}. {state}".strip()
            )
        with step(f"annotate with what {repo_id} has at {commit}", state):
            answers = try_folder(got, subject.tasks).answers
    if answers != subject.smoke.answers:
        raise ReleaseError(f"what {repo_id} has at {commit} annotates otherwise than {subject.folder}. {state}".strip())


def _restore(api: "HfApi", plan: Plan, commit: str, old: Path, reason: NlpieError) -> None:
    """Give main the files back that it had before a commit.

    Raises:
        ReleaseError: Always says what main has now.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    operations: list[Any] = [CommitOperationDelete(path_in_repo=name) for name in plan.added]
    for name in (*plan.changed, *plan.removed):
        if name in plan.small:
            operations.append(CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(old / name)))
        else:
            operations.append(CommitOperationCopy(src_path_in_repo=name, path_in_repo=name, src_revision=plan.parent))
    state = f"{reason} main has the whole new release, unproven, and no tag; {AGAIN}, which proves it"
    with step("take it back", state):
        api.create_commit(
            plan.repo_id,
            operations,
            commit_message=f"Take back {commit[:8]}, which could not be loaded again",
            parent_commit=commit,
        )
    raise ReleaseError(f"{reason} main has its old files again; {AGAIN}") from reason


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


def _all_hashes(folder: Path) -> dict[str, str]:
    return {**hash_files(folder), MANIFEST: sha256_of(folder / MANIFEST)}
