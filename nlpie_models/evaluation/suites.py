"""Suites: the data sets that checkpoints are fine-tuned and scored on, and the budgets; one TOML a suite."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..data.corpora import CORPORA_FOLDER, list_bundled_data
from ..errors import DataError, UnknownName, first_line
from ..util.files import MANIFEST, parse_manifest, verify_folder
from ..util.toml import read_toml

FOLDER = Path(__file__).parent / "suites"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How a checkpoint is fine-tuned on each data set. Test splits are always read whole.

    Attributes:
        summary: The budget in words.
        window: Tokens of a window, special tokens included, in training and in evaluation.
        epochs: Passes over the training examples; the model of the epoch that is best on validation is kept.
        learning_rates: Peak learning rates to try; the best on validation is kept.
        batch: Examples of a step.
        warmup: Share of the steps over which the learning rate rises, 0 to 1.
        examples: Most training examples (passages), drawn by the seed; None for all.
        validation_rows: Most validation rows, the same for every seed; None for all.
        width: Hidden size that the learning rates are for; those of another are in inverse proportion to it. None where
            they are for any.
    """

    summary: str
    window: int
    epochs: float
    learning_rates: tuple[float, ...]
    batch: int
    warmup: float
    examples: int | None = None
    validation_rows: int | None = None
    width: int | None = None

    def rates_for(self, hidden: int) -> tuple[float, ...]:
        """Return the peak learning rates for a model of a hidden size."""
        scale = self.width / hidden if self.width else 1.0
        return tuple(rate * scale for rate in self.learning_rates)


@dataclass(frozen=True, kw_only=True)
class SuiteSet:
    """One data set of a suite.

    Attributes:
        name: Name of the data set, under which results are filed.
        task: Name of the task.
        label_map: Name of a map from its labels to those that are learnt; None if they are the same.
        options: Options of the task; they override those that follow from the rows.
        metric: The main score; None for that of the task.
        data: Name of its folder, or of data in the package; None if that is its name.
    """

    name: str
    task: str
    label_map: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    metric: str | None = None
    data: str | None = None

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return self.data or self.name


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Data sets, and the budgets by which checkpoints are fine-tuned on them.

    Attributes:
        summary: The suite in words.
        budgets: The budgets by name, the default first. Results are filed under the name, so no two suites share one.
        sets: The data sets.
        teacher: Name, in the results, of the large model that the others are compared with; None if there is none.
        repo: Repository on the Hub with the data sets that may be redistributed; None if there is none.
        revision: Commit of the repository; None for its main branch.
    """

    summary: str
    budgets: dict[str, Budget]
    sets: tuple[SuiteSet, ...]
    teacher: str | None = None
    repo: str | None = None
    revision: str | None = None

    @property
    def default_budget(self) -> str:
        """Name of the budget that is taken when none is given."""
        return next(iter(self.budgets))

    def budget(self, name: str) -> Budget:
        """Return a budget by name.

        Raises:
            UnknownName: There is no such budget.
        """
        if name not in self.budgets:
            raise UnknownName("budget", name, self.budgets)
        return self.budgets[name]

    def choose(self, names: tuple[str, ...]) -> tuple[SuiteSet, ...]:
        """Return the data sets with these names; without names, all.

        Raises:
            UnknownName: There is no such data set.
        """
        known = {dataset.name: dataset for dataset in self.sets}
        for name in names:
            if name not in known:
                raise UnknownName("set of the suite", name, known)
        return tuple(known[name] for name in names) or self.sets


def list_suites() -> list[Suite]:
    """Return the suites that come with the package."""
    return [read_suite(path.stem) for path in sorted(FOLDER.glob("*.toml"))]


@cache
def read_suite(name: str) -> Suite:
    """Read a suite that comes with the package.

    Raises:
        UnknownName: There is no such suite.
    """
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        raise UnknownName("suite", name, [file.stem for file in FOLDER.glob("*.toml")])
    return read_toml(Suite, path)


def locate_sets(
    suite: Suite, chosen: Sequence[SuiteSet], data: Path | None = None, revision: str | None = None
) -> list[tuple[SuiteSet, Path]]:
    """Return data sets of a suite, each with its folder.

    Args:
        suite: The suite.
        chosen: The data sets.
        data: Folder that holds them; data that it lacks and the package has is read from the package. None for the
            package and, for the others, the suite's repository on the Hub; those that it lacks are left out.
        revision: Commit, branch or tag of the repository; the one that the suite pins by default.

    Raises:
        DataError, CheckpointError: As for ``fetch_sets``.
    """
    places: dict[str, Path] = {}
    for dataset in chosen:
        if dataset.folder in list_bundled_data() and not (data and (data / dataset.folder).is_dir()):
            places[dataset.name] = CORPORA_FOLDER / dataset.folder
        elif data:
            places[dataset.name] = data / dataset.folder
    if absent := [dataset for dataset in chosen if dataset.name not in places]:
        downloaded, available = fetch_sets(suite, absent, revision)
        places |= {dataset.name: downloaded / dataset.folder for dataset in available}
    return [(dataset, places[dataset.name]) for dataset in chosen if dataset.name in places]


def fetch_sets(suite: Suite, chosen: Sequence[SuiteSet], revision: str | None = None) -> tuple[Path, list[SuiteSet]]:
    """Download data sets of a suite from its repository on the Hub, once.

    Args:
        suite: The suite.
        chosen: The data sets to download.
        revision: Commit, branch or tag of the repository; the one that the suite pins by default.

    Returns:
        Their folder in the Hub's cache, and those of them that the repository has.

    Raises:
        DataError: The suite has no repository, none of these sets is in it, or it cannot be downloaded.
        CheckpointError: A file is not the one that the repository's manifest names.
    """
    if suite.repo is None:
        raise DataError("the sets of this suite are not on the Hub; give --data, the folder that holds them")
    names = sorted({dataset.folder for dataset in chosen})
    folder = _download(suite.repo, revision or suite.revision, names)
    hashes = parse_manifest((folder / MANIFEST).read_text(encoding="utf-8"), f"{suite.repo}: {MANIFEST}")
    published = {name.partition("/")[0] for name in hashes}
    if available := [dataset for dataset in chosen if dataset.folder in published]:
        return folder, available
    raise DataError(f"{suite.repo} has none of {', '.join(names)}; give --data, the folder that holds them")


def _download(repo_id: str, revision: str | None, names: Sequence[str]) -> Path:
    """Return the snapshot with the data sets of these names; files that are cached at a commit are not asked for."""
    from huggingface_hub import snapshot_download

    patterns = [MANIFEST, *(f"{name}/*" for name in names)]
    fetch = partial(snapshot_download, repo_id, repo_type="dataset", revision=revision, allow_patterns=patterns)
    at = f" --revision {revision}" if revision else ""
    try:
        folder = Path(fetch())
    except Exception as error:
        raise DataError(
            f"the data sets of {repo_id} are not on this machine and could not be downloaded ({first_line(error)}). "
            f"With a network, run `hf download {repo_id} --repo-type dataset{at}`; without one, give --data, their "
            "folder."
        ) from error
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{repo_id} has no {MANIFEST}; `nlpie data publish` makes repositories that have one")
    verify_folder(folder)
    return folder
