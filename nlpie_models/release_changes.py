"""Which checkpoints a range of commits has changed."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .errors import ReleaseError
from .registry import list_checkpoints

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
        raise ReleaseError(
            f"git cannot compare {since!r} with this checkout: {done.stderr.strip()}; give a commit that it has"
        )
    return changed_by(done.stdout.split("\0"))


def changed_by(names: Iterable[str]) -> list[str]:
    """Return the checkpoints that files belong to, by name; those that are planned have nothing to evaluate yet."""
    found = [match["row"] or match["files"] for name in names if (match := _PATHS.fullmatch(name))]
    return sorted({*found} & {row.name for row in list_checkpoints() if row.status != "planned"})
