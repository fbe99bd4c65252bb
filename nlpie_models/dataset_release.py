"""Releases of data: the sets of a uniform folder that may be passed on, with their card, as one commit on the Hub."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ._version import __version__
from .data.publication import Candidate
from .dataset_cards import make_dataset_card
from .errors import ReleaseError
from .manifest import write_manifest
from .release import Pushed
from .release_commit import log_in, propose_commit, push_commit
from .release_plan import CARD, Plan, plan_push

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@contextmanager
def stage_sets(candidates: Sequence[Candidate], repo_id: str) -> Iterator[Path]:
    """Give a temporary folder with all the files of a release: the sets that may be passed on, card, and hashes.

    A set's own LICENSE or LICENCE goes with it.

    Raises:
        ReleaseError: No set may be passed on.
        NlpieError: The card cannot be made.
    """
    sets = [each for each in candidates if each.refusal is None]
    if not sets:
        raise ReleaseError("no set here may be passed on; `nlpie data publish` reads folders SET/SPLIT.jsonl.gz")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for each in sets:
            (folder / each.name).mkdir()
            licences = next(iter(each.splits.values())).parent.glob("LICEN[CS]E*")
            for file in (*each.splits.values(), *licences):
                shutil.copyfile(file, folder / each.name / file.name)
        (folder / CARD).write_text(make_dataset_card(sets, repo_id), encoding="utf-8")
        write_manifest(folder)
        yield folder


def plan_publication(folder: Path, repo_id: str, api: "HfApi") -> Plan:
    """Compare staged sets with a repository of data sets, without changing either.

    Raises:
        ReleaseError: The Hub cannot be asked.
    """
    return plan_push(folder, repo_id, api, repo_type="dataset")


def publish(candidates: Sequence[Candidate], repo_id: str, *, api: "HfApi", pull_request: bool = False) -> Pushed:
    """Push sets as one commit and download them again; whatever fails, main has the old files or the whole new ones.

    Args:
        candidates: The sets of a folder; those that may not be passed on are left out.
        repo_id: Repository of data sets, which is to have these sets and no others.
        api: The Hub's client.
        pull_request: Propose the commit, and leave main alone.

    Raises:
        ReleaseError: No set may be passed on, or the Hub does not take the push; says what main has now.
    """
    with stage_sets(candidates, repo_id) as folder:
        plan = plan_publication(folder, repo_id, api)
        if plan.empty:
            return Pushed("nothing", str(plan.parent))
        log_in(api, plan.address)
        message = f"Data sets, by nlpie-models {__version__}"
        if pull_request:
            return Pushed("pull request", *propose_commit(api, folder, plan, message))
        return Pushed("pushed", push_commit(api, folder, plan, message))
