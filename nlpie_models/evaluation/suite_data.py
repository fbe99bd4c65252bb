"""The sets of a suite from its repository on the Hub, through the Hub's cache."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..errors import DataError
from ..manifest import MANIFEST, parse_manifest, verify_folder
from .suites import Suite, SuiteSet


def fetch_sets(suite: Suite, chosen: Sequence[SuiteSet], revision: str | None = None) -> tuple[Path, list[SuiteSet]]:
    """Return the folder in the Hub's cache that holds the sets of a suite, and those of the chosen ones that it has.

    Args:
        suite: The suite.
        chosen: Its sets that are wanted.
        revision: Commit, branch or tag of its repository, in the place of the suite's own.

    Raises:
        DataError: The suite has no repository, it has none of these sets, or it cannot be downloaded.
        CheckpointError: A file is not the one that the repository's manifest names.
    """
    if suite.repo is None:
        raise DataError("the sets of this suite are not on the Hub; give --data, the folder that holds them")
    names = [each.name for each in chosen]
    folder = _download(suite.repo, revision or suite.revision, names)
    hashes = parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"), f"{suite.repo}: {MANIFEST}")
    there = {name.partition("/")[0] for name in hashes}
    if found := [each for each in chosen if each.name in there]:
        return folder, found
    raise DataError(f"{suite.repo} has none of {', '.join(names)}; give --data, the folder that holds them")


def _download(repo_id: str, revision: str | None, names: Sequence[str]) -> Path:
    """Return the snapshot with the sets of these names; what is cached at a commit is not asked for again."""
    from huggingface_hub import snapshot_download

    patterns = [MANIFEST, *(f"{name}/*" for name in names)]
    fetch = partial(snapshot_download, repo_id, repo_type="dataset", revision=revision, allow_patterns=patterns)
    at = f" --revision {revision}" if revision else ""
    try:
        folder = Path(fetch())
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise DataError(
            f"the sets of {repo_id} are not on this machine and could not be downloaded ({reason}). With a network, "
            f"run `hf download {repo_id} --repo-type dataset{at}`; without one, give --data, a folder that holds them."
        ) from error
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{repo_id} has no {MANIFEST}; `nlpie data publish` makes repositories that have one")
    verify_folder(folder)
    return folder
