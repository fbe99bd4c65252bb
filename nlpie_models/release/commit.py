"""One commit on the Hub, which is downloaded and tried, or else reverted. Only this module writes to the Hub."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NlpieError, ReleaseError
from ..util.files import MANIFEST, hash_files, sha256_of
from .plan import AGAIN, MAIN, ReleasePlan, plan_push, step

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Prove = Callable[[Path], str | None]
"""A function from the folder that the Hub returned to what is wrong with it, such as "has other labels"; or None."""


def log_in(api: "HfApi", resource: str) -> None:
    """Find a token: a given one, that of `hf auth login`, or one of a trusted publisher.

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


def find_tagged(api: "HfApi", plan: ReleasePlan, tag: str) -> str | None:
    """Return the commit that has a tag; None if no commit has it.

    Raises:
        ReleaseError: Another release has the tag, or the Hub cannot be asked.
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


def put_tag(api: "HfApi", plan: ReleasePlan, tag: str, commit: str) -> None:
    """Tag a commit.

    Raises:
        ReleaseError: The Hub refuses it.
    """
    with step(f"tag {commit}", f"main has the whole release, and no tag; {AGAIN}"):
        api.create_tag(plan.repo_id, repo_type=plan.repo_type, tag=tag, revision=commit)


def push_commit(api: "HfApi", folder: Path, plan: ReleasePlan, message: str, prove: Prove = lambda _: None) -> str:
    """Push a folder as one commit and download the commit; if that fails, main gets its old files back.

    Args:
        api: The Hub's client.
        folder: All the files that the repository is to have.
        plan: What the push changes; a repository that does not exist is created.
        message: Message of the commit.
        prove: Tries the files that the Hub returns, whose hashes are compared in any case.

    Returns:
        The commit.

    Raises:
        ReleaseError: The Hub refuses the commit, or returns other files; says what main has now.
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
    api: "HfApi", folder: Path, plan: ReleasePlan, message: str, prove: Prove = lambda _: None
) -> tuple[str, str | None]:
    """Open a pull request with a folder, or find the one that has these very files, and download it.

    Arguments and errors are those of :func:`push_commit`. Main stays as it is.

    Returns:
        The commit, and the address of the pull request.
    """
    plan = plan if plan.parent else _create(api, plan)
    found = _find_pull_request(api, folder, plan)
    commit, url = found or _commit(api, folder, plan, message, pull_request=True)
    verify_commit(api, folder, plan, commit, prove, f"main is as it was; {AGAIN}")
    return commit, url


def verify_commit(api: "HfApi", folder: Path, plan: ReleasePlan, commit: str, prove: Prove, state: str) -> None:
    """Download a commit into an empty cache, compare the hash of every file, and try the files.

    Raises:
        ReleaseError: The commit cannot be downloaded, has other files than were pushed, or fails the trial.
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
            expected, found = _all_hashes(folder), _all_hashes(got)
        if different := sorted(name for name in expected if expected[name] != found.get(name)):
            raise ReleaseError(f"the Hub returns other bytes than were pushed: {', '.join(different)}. {state}".strip())
        with step(f"try what {plan.repo_id} has at {commit}", state):
            wrong = prove(got)
    if wrong:
        raise ReleaseError(f"what {plan.repo_id} has at {commit} {wrong}. {state}".strip())


def _create(api: "HfApi", plan: ReleasePlan) -> ReleasePlan:
    with step(f"create {plan.repo_id}", f"Nothing was pushed; check that the token may write there, and {AGAIN}"):
        api.create_repo(plan.repo_id, repo_type=plan.repo_type, exist_ok=True)
        return replace(plan, parent=api.repo_info(plan.repo_id, repo_type=plan.repo_type, revision=MAIN).sha)


def _keep_small_files(api: "HfApi", plan: ReleasePlan, cache: str) -> Path:
    """Download the files that a revert must send again; the Hub itself can copy large files from the old commit."""
    from huggingface_hub import snapshot_download

    names = [name for name in (*plan.changed, *plan.removed) if name in plan.small]
    if not names:
        return Path(cache)
    with step("keep the old files", f"Nothing was changed; {AGAIN}"):
        kept = snapshot_download(
            plan.repo_id,
            repo_type=plan.repo_type,
            revision=plan.parent,
            allow_patterns=names,
            cache_dir=cache,
            endpoint=api.endpoint,
            token=api.token,
        )
    return Path(kept)


def _commit(
    api: "HfApi", folder: Path, plan: ReleasePlan, message: str, *, pull_request: bool
) -> tuple[str, str | None]:
    """Push a folder as one commit, and return it with the address of its pull request, if it has one."""
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


def _find_pull_request(api: "HfApi", folder: Path, plan: ReleasePlan) -> tuple[str, str] | None:
    """Return commit and address of the pull request that has the very files of the release; None without one."""
    with step("list the pull requests", f"main is as it was; {AGAIN}"):
        found = api.list_repo_refs(plan.repo_id, repo_type=plan.repo_type, include_pull_requests=True)
    for ref in found.pull_requests or []:
        if plan_push(folder, plan.repo_id, api, ref.ref, repo_type=plan.repo_type).empty:
            return ref.target_commit, f"{api.endpoint}/{plan.address}/discussions/{ref.ref.rpartition('/')[2]}"
    return None


def _restore(api: "HfApi", plan: ReleasePlan, commit: str, old: Path, reason: NlpieError) -> None:
    """Give main the files that it had before a commit.

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
