"""Which checkpoints a range of commits has changed."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .checkpoint_files import ADAPTER_FILE
from .errors import ReleaseError
from .registry import Checkpoint, list_checkpoints

_PATHS = re.compile(r"nlpie_models/checkpoints/(?P<row>[^/]+)\.toml|(nlpie_models/bundled|zoo)/(?P<files>[^/]+)/.+")


def find_changed(since: str, root: Path) -> list[str]:
    """Return the names of the checkpoints whose row or files differ between a commit and the checkout's last one.

    Args:
        since: The commit, or what git knows it by.
        root: The checkout.

    Raises:
        ReleaseError: It is no checkout, or git does not know the commit.
    """
    command = ["git", "diff", "--name-only", "-z", "--end-of-options", since, "HEAD"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), "git failed").rstrip(".")
        raise ReleaseError(f"cannot compare {since!r} with this checkout ({reason}); give a commit that it has")
    return changed_by(done.stdout.split("\0"))


def changed_by(names: Iterable[str]) -> list[str]:
    """Return the checkpoints that files belong to, by name: those that a suite can fine-tune.

    A planned one has no weights yet, and an adapter is fine-tuned already.
    """
    found = {match["row"] or match["files"] for name in names if (match := _PATHS.fullmatch(name))}
    return sorted(row.name for row in list_checkpoints() if row.name in found and _can_start(row))


def _can_start(row: Checkpoint) -> bool:
    return row.status != "planned" and not (row.weights and row.weights.file == ADAPTER_FILE)
