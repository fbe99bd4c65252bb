"""Results: ``model_cards/results/<checkpoint>/<data set>.<protocol>.json``, a run for each seed and split.

A run holds its scores, the counts of every document, from which other scores and comparisons follow without a new
evaluation, and its provenance. What the other measurements of this package store is written and read here as well.
"""

import base64
import json
import os
import platform
import shlex
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import DataError, RegistryError
from ..metrics.counts import LabelScores, Outcomes
from ..util.files import one_at_a_time, write_whole
from ..util.toml import read_table

OWN_HEAD, ALL_ROWS = "own-head", "all-rows"
SUBWORD, FROM_TEXT = "subword", "from-text"
_VERSIONS = ("nlpie-models", "torch", "transformers", "tokenizers", "scikit-learn")

Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a number was measured.

    Attributes:
        versions: Versions of the libraries; None for one that is not installed.
        python: Version of Python.
        hardware: Architecture, cores and, if there is one, the accelerator.
        command: The command that measures the number again, without paths of the machine.
    """

    versions: dict[str, str | None]
    python: str
    hardware: str
    command: str


@dataclass(frozen=True)
class PackedOutcomes:
    """Outcomes in a form that JSON takes.

    Attributes:
        labels: The labels.
        documents: Number of documents.
        counts: Unsigned 16-bit counts (documents, labels, 4), compressed, in base 64.
    """

    labels: tuple[str, ...]
    documents: int
    counts: str

    @classmethod
    def of(cls, outcomes: Outcomes) -> "PackedOutcomes":
        """Pack outcomes."""
        counts = outcomes.counts.astype("<u2")
        data = base64.b64encode(zlib.compress(counts.tobytes(), 9)).decode()
        return cls(outcomes.labels, len(counts), data)

    def unpack(self) -> Outcomes:
        """Return the outcomes."""
        counts = np.frombuffer(zlib.decompress(base64.b64decode(self.counts)), dtype="<u2").astype(np.int64)
        return Outcomes(self.labels, counts.reshape(self.documents, len(self.labels), 4))


@dataclass(frozen=True, kw_only=True)
class Run:
    """One evaluation of a checkpoint on one split.

    Attributes:
        split: The split.
        seed: Seed of the training; None if it is not known.
        documents: Number of documents (rows).
        scores: The scores over all labels, 0 to 1; see ``METRICS`` and, for entities, ``overlap_scores`` in
            ``nlpie_models.metrics.counts``.
        labels: Scores and counts of each label.
        interval: 95% interval of the main score, low and high.
        outcomes: The counts of every document.
        provenance: Versions, hardware and command.
        data_sha256: Hash of each split that was read, by its name.
        ece: Expected calibration error; None for baselines, which have no confidences.
        temperature: Temperature that calibrated the head; None if it was not calibrated.
        training: Arguments of the fine-tuning; None if they are not known.
        validation: Score on validation by which the fine-tuning was chosen; None if it is not known.
        settings: Settings of the pipeline; None for baselines.
        label_map: Name of the map from the data's labels to the model's; None if they agree.
        weights_sha256: Hash of the weights that were scored; None for baselines.
        start_sha256: In a suite, hash of the weights that the fine-tuning started from.
        key: In a suite, hash of everything that the run follows from.
    """

    split: str
    seed: int | None
    documents: int
    scores: dict[str, float]
    labels: dict[str, LabelScores]
    interval: tuple[float, float]
    outcomes: PackedOutcomes
    provenance: Provenance
    data_sha256: dict[str, str]
    ece: float | None = None
    temperature: float | None = None
    training: dict[str, Any] | None = None
    validation: float | None = None
    settings: dict[str, Any] | None = None
    label_map: str | None = None
    weights_sha256: str | None = None
    start_sha256: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, outcomes: Outcomes, metric: str, **facts: Any) -> "Run":
        """Return the run of outcomes.

        Args:
            outcomes: The counts of every document.
            metric: The main score, whose interval the run holds.
            **facts: The other attributes.
        """
        return cls(
            documents=len(outcomes.counts),
            scores=outcomes.scores(),
            labels=outcomes.label_scores(),
            interval=outcomes.interval(metric),
            outcomes=PackedOutcomes.of(outcomes),
            **facts,
        )


@dataclass(frozen=True)
class Results:
    """The runs of a checkpoint on a data set by one protocol.

    Attributes:
        checkpoint: Name of the checkpoint, or of the baseline.
        dataset: Name of the data set.
        protocol: ``own-head``: the checkpoint with its own head; ``subword``: the same, scored on sub-words as
            published numbers are; ``from-text``: relations between the entities that are found, not the gold ones;
            ``all-rows``: a baseline; else the budget of a suite.
        task: Name of the task.
        metric: The main score, by which checkpoints are compared.
        runs: The runs, by split and seed.
    """

    checkpoint: str
    dataset: str
    protocol: str
    task: str
    metric: str
    runs: tuple[Run, ...]

    def path(self, folder: Path) -> Path:
        """Return the file of these results in a folder of results."""
        return folder / self.checkpoint / f"{self.dataset}.{self.protocol}.json"

    def test_runs(self) -> list[Run]:
        """Return the runs on test splits, by seed."""
        return sorted((run for run in self.runs if run.split == "test"), key=lambda run: run.seed or 0)

    def mean_score(self) -> float:
        """Return the mean over the seeds of the main score on test."""
        return float(np.mean([run.scores[self.metric] for run in self.test_runs()]))


def provenance(*command: object) -> Provenance:
    """Return the versions and the hardware of this process, with the command that measures a number again.

    Args:
        *command: The words of the command, without paths of this machine.
    """
    return Provenance(
        versions={name: _version(name) for name in _VERSIONS},
        python=platform.python_version(),
        hardware=f"{platform.machine()}, {os.cpu_count()} cores{_accelerator()}",
        command=shlex.join(map(str, command)),
    )


def write_record(path: Path, record: Any) -> None:
    """Write a dataclass as JSON, in place of a file that is there."""
    with write_whole(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def read_record(kind: type[Record], path: Path, what: str) -> Record:
    """Read a dataclass that ``write_record`` has written.

    Args:
        kind: The dataclass.
        path: The file.
        what: What the file should be, such as ``a results file``, for the error.

    Raises:
        DataError: The file cannot be read, or is something else.
    """
    try:
        return read_table(kind, json.loads(path.read_text(encoding="utf-8")), path.name)
    except (OSError, ValueError, RegistryError) as error:
        raise DataError(f"{path} is not {what}: {error}") from error


def add_run(folder: Path, results: Results) -> None:
    """Put runs into the file of their checkpoint, data set and protocol, replacing those of the same split and seed.

    Raises:
        DataError: The file has results of another task.
    """
    path = results.path(folder)
    new = {(run.split, run.seed) for run in results.runs}
    with one_at_a_time(path):
        old = read_results(path) if path.exists() else results
        if old.task != results.task:
            raise DataError(f"{path} has results of the task {old.task}; file these under another --name")
        kept = [run for run in old.runs if (run.split, run.seed) not in new]
        runs = sorted([*kept, *results.runs], key=lambda run: (run.split, run.seed or 0))
        write_record(path, replace(results, runs=tuple(runs)))


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        DataError: It cannot be read, or is not one.
    """
    return read_record(Results, path, "a results file")


def find_results(folder: Path) -> Iterator[Results]:
    """Read all the results in a folder, in the order of their names.

    Raises:
        DataError: A file is not a results file.
    """
    for path in sorted(folder.glob("*/*.json")):
        yield read_results(path)


def suite_scores(results: Iterable[Results], budget: str) -> tuple[list[str], dict[str, dict[str, Results]]]:
    """Return the data sets that have results by a budget, by task, and each checkpoint's results for them.

    The baselines, which have no budget, are among the checkpoints.
    """
    results = list(results)
    task_of = {found.dataset: found.task for found in results if found.protocol == budget}
    datasets = sorted(task_of, key=lambda dataset: (task_of[dataset], dataset))
    by_name: dict[str, dict[str, Results]] = {}
    for found in results:
        if found.dataset in task_of and found.protocol in (budget, ALL_ROWS):
            by_name.setdefault(found.checkpoint, {})[found.dataset] = found
    return datasets, by_name


def mean_of_means(results: Iterable[Results]) -> float:
    """Return the mean over data sets of the mean score on test."""
    return float(np.mean([found.mean_score() for found in results]))


def fewest_seeds(results: Iterable[Results]) -> int:
    """Return the least number of seeds that one of the data sets has."""
    return min(len(found.test_runs()) for found in results)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _accelerator() -> str:
    import torch

    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
