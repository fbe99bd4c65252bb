"""Data sets on the Hub: the sets of a folder that anybody may pass on, with a card, as one commit.

``dataset.toml`` says on what terms each set that is known may be passed on; ``dataset.md`` is the template of the card.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from huggingface_hub import DatasetCardData

from .._version import __version__
from ..data.rows import list_splits, read_rows
from ..errors import DataError, RegistryError, ReleaseError
from ..tasks import get_task
from ..util.files import write_manifest
from ..util.toml import read_toml
from .card_metadata import find_metadata_faults
from .cards import fill_template
from .commit import log_in, propose_commit, push_commit
from .inspection import find_unsafe_files
from .plan import CARD, ReleasePlan, plan_push
from .push import Pushed

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KNOWN_SETS = Path(__file__).with_suffix(".toml")
_TEMPLATE = Path(__file__).with_suffix(".md")
_FIRST_SPLITS = ("train", "validation", "test")
_CORPUS = "corpus"


@dataclass(frozen=True, kw_only=True)
class SetRelease:
    """The terms on which a set may be passed on.

    Attributes:
        licence: Its licence, as the Hub calls it.
        cite: The work to cite.
        changes: What was changed in it, which its licence wants to have said.
        annotation: How this project annotated it, and the limits of that; empty for a set that others made.
    """

    licence: str
    cite: str
    changes: str
    annotation: str = ""


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A set whose origin is known.

    Attributes:
        name: Name of its folder.
        task: The task that its rows are for; ``corpus`` if they are texts alone.
        licence: What its publisher states, in words.
        source: The GitHub repository that it is from; None if this project made it, and it is in this package.
        release: The terms on which it may be passed on; None if its makers have not said that it may be.
    """

    name: str
    task: Literal["ner", "relation", "nli", "classification", "corpus"]
    licence: str
    source: str | None = None
    release: SetRelease | None = None

    @property
    def origin(self) -> str:
        """Where it is from, in Markdown."""
        return f"[{self.source}](https://github.com/{self.source})" if self.source else "this project"


@dataclass(frozen=True, kw_only=True)
class KnownSets:
    """The content of a TOML of known sets."""

    sets: tuple[KnownSet, ...]


@dataclass(frozen=True)
class Candidate:
    """A set in a folder, which may be published or not.

    Attributes:
        name: Name of its folder.
        known: What is known of it; None if nothing is.
        splits: Its files by split, in the order train, validation, test, others.
        rows: Number of rows by split; empty if the set may not be published.
    """

    name: str
    known: KnownSet | None
    splits: Mapping[str, Path]
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def release(self) -> SetRelease | None:
        """The terms on which it may be passed on; None if it may not be."""
        return self.known.release if self.known else None

    @property
    def refusal(self) -> str | None:
        """Why it is not published; None if it is."""
        if self.known is None:
            return "no licence is declared for it"
        return None if self.known.release else f"licence: {self.known.licence}"


def read_known_sets(path: Path = KNOWN_SETS) -> dict[str, KnownSet]:
    """Read a TOML of known sets and return them by name.

    Raises:
        RegistryError: The TOML breaks the schema, or names a set twice.
    """
    rows = read_toml(KnownSets, path).sets
    known = {row.name: row for row in rows}
    if len(known) != len(rows):
        raise RegistryError(f"{path.name}: a set is named twice")
    return known


def find_candidates(folder: Path, known: Mapping[str, KnownSet]) -> list[Candidate]:
    """Return the sets of a folder by name, and read every row of those that may be published.

    Args:
        folder: Folder of sets, each a folder with a file ``<split>.jsonl.gz`` for each split.
        known: What is known of sets, by name.

    Raises:
        DataError: A row cannot be read.
        ReleaseError: A set that may be published holds a secret, or a link that leads out of it.
    """
    candidates = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        splits = dict(sorted(list_splits(place).items(), key=lambda item: _rank(item[0])))
        candidate = Candidate(place.name, known.get(place.name), splits)
        if splits and candidate.release:
            if unsafe := find_unsafe_files(place):
                raise ReleaseError(f"{place} is not published: {unsafe[0]}")
            rows = {split: sum(1 for _ in read_rows(path)) for split, path in splits.items()}
            candidate = Candidate(candidate.name, candidate.known, splits, rows)
        candidates += [candidate] if splits else []
    return candidates


@contextmanager
def stage_sets(candidates: Sequence[Candidate], repo_id: str) -> Iterator[Path]:
    """Give a temporary folder with all the files of a release: the sets that may be published, card, and hashes.

    The licence and the guidelines of a set (``LICENSE*`` or ``LICENCE*``, ``GUIDELINES*``) are among them.

    Raises:
        ReleaseError: No set may be published.
        NlpieError: The card cannot be made.
    """
    sets = [candidate for candidate in candidates if candidate.release]
    if not sets:
        raise ReleaseError("no set here may be published; `nlpie data publish` reads folders SET/SPLIT.jsonl.gz")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for candidate in sets:
            (folder / candidate.name).mkdir()
            place = next(iter(candidate.splits.values())).parent
            documents = [*place.glob("LICEN[CS]E*"), *place.glob("GUIDELINES*")]
            for file in (*candidate.splits.values(), *documents):
                shutil.copyfile(file, folder / candidate.name / file.name)
        (folder / CARD).write_text(make_dataset_card(sets, repo_id), encoding="utf-8")
        write_manifest(folder)
        yield folder


def make_dataset_card(sets: Sequence[Candidate], repo_id: str) -> str:
    """Return the README of a repository of sets: the same to the byte for the same sets.

    Args:
        sets: The sets, all of which may be published.
        repo_id: The repository.

    Raises:
        NlpieError: jinja2 is not installed, or the Hub would refuse the metadata.
    """
    tasks = sorted({candidate.known.task for candidate in sets if candidate.known})
    metadata = DatasetCardData(
        language="en",
        license=sorted({candidate.release.licence for candidate in sets if candidate.release}),
        task_categories=sorted({get_task("fill-mask" if task == _CORPUS else task).hub_pipeline for task in tasks}),
        tags=["clinical", "medical"],
        configs=[
            {
                "config_name": candidate.name,
                "data_files": [
                    {"split": split, "path": f"{candidate.name}/{path.name}"}
                    for split, path in candidate.splits.items()
                ],
            }
            for candidate in sets
        ],
    )
    if faults := list(find_metadata_faults(metadata.to_dict(), needed=("license", "language"))):
        raise DataError(f"the card of {repo_id} has metadata that the Hub would refuse: {'; '.join(faults)}")
    return fill_template(
        _TEMPLATE.read_text(encoding="utf-8"),
        metadata=metadata.to_yaml(line_break="\n"),
        title=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        sets=sets,
        layout={task: "`text`" if task == _CORPUS else get_task(task).labelled_row for task in tasks},
    )


def plan_publication(folder: Path, repo_id: str, api: "HfApi") -> ReleasePlan:
    """Compare staged sets with a repository of data sets, without changing either.

    Raises:
        ReleaseError: The Hub cannot be asked.
    """
    return plan_push(folder, repo_id, api, repo_type="dataset")


def publish(candidates: Sequence[Candidate], repo_id: str, *, api: "HfApi", pull_request: bool = False) -> Pushed:
    """Push sets as one commit and download them again; after any failure, main has all the old or all the new files.

    Args:
        candidates: The sets of a folder; those that may not be published are left out.
        repo_id: Repository of data sets, which has these sets and no others afterwards.
        api: The Hub's client.
        pull_request: Propose the commit, and leave main alone.

    Raises:
        ReleaseError: No set may be published, or the Hub refuses the push; says what main has now.
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


def _rank(split: str) -> tuple[int, str]:
    """Return the place of a split among the splits of its set."""
    return (_FIRST_SPLITS.index(split) if split in _FIRST_SPLITS else len(_FIRST_SPLITS), split)
