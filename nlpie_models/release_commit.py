"""One commit on the Hub, proven by loading it again or taken back. The only module that writes there."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import NlpieError, ReleaseError
from .files import sha256_of
from .manifest import MANIFEST, hash_files
from .release_plan import AGAIN, MAIN, Plan, plan_push, step

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Prove = Callable[[Path], str | None]
"""From what the Hub gives back to what is wrong with it, if anything is: "annotates otherwise"."""


def log_in(api: "HfApi", resource: str) -> None:
    """Make sure that there is a token: given, kept by `hf auth login`, or from the Hub's trusted publisher.

    Raises:
        ReleaseError: There is none.
    """
    from huggingface_hub import get_token

    with step("log in", f"Nothing was changed; {AGAIN}"):
        token = api.token or get_token()
    if not token:
        raise ReleaseError(
            "there is no token: run `hf auth login`, set HF_TOKEN or, in GitHub Actions, let the Hub trust the workflow"
            f" and set HF_OIDC_RESOURCE to {resource}"
        )


def find_tagged(api: "HfApi", plan: Plan, tag: str) -> str | None:
    """Return the commit that has a tag; None if no commit has it.

    Raises:
        ReleaseError: It is on another release, or the Hub cannot be asked.
    """
    with step("list the tags", f"Nothing was changed; {AGAIN}"):
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(plan.repo_id, repo_type=plan.repo_type).tags}
    found = tags.get(tag)
    if found is not None and not (plan.empty and found == plan.parent):
        raise ReleaseError(
            f"{plan.repo_id} has the tag {tag} already, on {found}, which is another release. Nothing was changed; "
            "raise the version, or give another --tag"
        )
    return found


def put_tag(api: "HfApi", plan: Plan, tag: str, commit: str) -> None:
    """Tag a commit.

    Raises:
        ReleaseError: The Hub does not take it.
    """
    with step(f"tag {commit}", f"main has the whole release, and no tag; {AGAIN}"):
        api.create_tag(plan.repo_id, repo_type=plan.repo_type, tag=tag, revision=commit)


def push_commit(api: "HfApi", folder: Path, plan: Plan, message: str, prove: Prove = lambda _: None) -> str:
    """Push a folder as one commit and load it again; if that fails, main gets its old files back.

    Args:
        api: The Hub's client.
        folder: All the files that the repository is to have.
        plan: What that changes; where there is no repository yet, one is made.
        message: What the commit is called.
        prove: What is tried on the files that the Hub gives back, besides their hashes.

    Returns:
        The commit.

    Raises:
        ReleaseError: The Hub does not take it, or gives back something else; says what main has now.
    """
    plan = plan if plan.parent else _create(api, plan)
    with tempfile.TemporaryDirectory() as temporary:
        old = _keep_small_files(api, plan, temporary)
        commit, _ = _commit(api, folder, plan, message, pull_request=False)
        try:
            verify_commit(api, folder, plan, commit, prove, "")
        except NlpieError as error:
            _restore(api, plan, commit, old, error)
    return commit


def propose_commit(
    api: "HfApi", folder: Path, plan: Plan, message: str, prove: Prove = lambda _: None
) -> tuple[str, str | None]:
    """Open a pull request with a folder, or find the one that has these very files, and load it again.

    Args and errors are those of :func:`push_commit`; main is left alone.

    Returns:
        The commit, and the address of the pull request.
    """
    plan = plan if plan.parent else _create(api, plan)
    found = _find_pull_request(api, folder, plan)
    commit, url = found or _commit(api, folder, plan, message, pull_request=True)
    verify_commit(api, folder, plan, commit, prove, f"main is as it was; {AGAIN}")
    return commit, url


def verify_commit(api: "HfApi", folder: Path, plan: Plan, commit: str, prove: Prove, state: str) -> None:
    """Download a commit into an empty cache, compare every hash, and prove it.

    Raises:
        ReleaseError: It cannot be downloaded, is not what was pushed, or is not proven.
    """
    from huggingface_hub import snapshot_download

    with tempfile.TemporaryDirectory() as cache:
        with step(f"load {plan.repo_id} at {commit} again", state):
            got = Path(
                snapshot_download(
                    plan.repo_id,
                    repo_type=plan.repo_type,
                    revision=commit,
                    cache_dir=cache,
                    endpoint=api.endpoint,
                    token=api.token,
                )
            )
            expected, found = (_all_hashes(each) for each in (folder, got))
        if different := sorted(name for name in expected if expected[name] != found.get(name)):
            raise ReleaseError(
                f"the Hub gives back other bytes than were pushed: {', '.join(different)}. {state}".strip()
            )
        with step(f"try what {plan.repo_id} has at {commit}", state):
            wrong = prove(got)
    if wrong:
        raise ReleaseError(f"what {plan.repo_id} has at {commit} {wrong}. {state}".strip())


def _create(api: "HfApi", plan: Plan) -> Plan:
    with step(f"create {plan.repo_id}", f"Nothing was pushed; check that the token may write there, and {AGAIN}"):
        api.create_repo(plan.repo_id, repo_type=plan.repo_type, exist_ok=True)
        return replace(plan, parent=api.repo_info(plan.repo_id, repo_type=plan.repo_type, revision=MAIN).sha)


def _keep_small_files(api: "HfApi", plan: Plan, cache: str) -> Path:
    """Download what git would need to restore; the Hub can copy large files from the old commit by itself."""
    from huggingface_hub import snapshot_download

    wanted = [name for name in (*plan.changed, *plan.removed) if name in plan.small]
    if not wanted:
        return Path(cache)
    with step("keep the old files", f"Nothing was changed; {AGAIN}"):
        kept = snapshot_download(
            plan.repo_id,
            repo_type=plan.repo_type,
            revision=plan.parent,
            allow_patterns=wanted,
            cache_dir=cache,
            endpoint=api.endpoint,
            token=api.token,
        )
    return Path(kept)


def _commit(api: "HfApi", folder: Path, plan: Plan, message: str, *, pull_request: bool) -> tuple[str, str | None]:
    """Push the folder as one commit."""
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
            commit_message=message,
            repo_type=plan.repo_type,
            parent_commit=plan.parent,
            create_pr=pull_request,
        )
    return made.oid, made.pr_url


def _find_pull_request(api: "HfApi", folder: Path, plan: Plan) -> tuple[str, str] | None:
    """Return commit and address of a pull request that has the very files of the release."""
    with step("list the pull requests", f"main is as it was; {AGAIN}"):
        found = api.list_repo_refs(plan.repo_id, repo_type=plan.repo_type, include_pull_requests=True)
    for ref in found.pull_requests or []:
        if plan_push(folder, plan.repo_id, api, ref.ref, repo_type=plan.repo_type).empty:
            return ref.target_commit, f"{api.endpoint}/{plan.address}/discussions/{ref.ref.rpartition('/')[2]}"
    return None


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
    state = f"{reason} main has the whole new release, unproven; {AGAIN}, which proves it"
    with step("take it back", state):
        api.create_commit(
            plan.repo_id,
            operations,
            commit_message=f"Take back {commit[:8]}, which could not be loaded again",
            repo_type=plan.repo_type,
            parent_commit=commit,
        )
    raise ReleaseError(f"{reason} main has its old files again; {AGAIN}") from reason


def _all_hashes(folder: Path) -> dict[str, str]:
    return {**hash_files(folder), MANIFEST: sha256_of(folder / MANIFEST)}
