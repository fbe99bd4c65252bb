"""Results: ``model_cards/results/<checkpoint>/<data set>.<protocol>.json``, a run for each seed and split.

A run holds its scores, the counts of every document, from which other scores and comparisons can be made without
running anything again, and where it came from.
"""

import base64
import json
import os
import platform
import shlex
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..files import one_at_a_time, write_whole
from ..scoring import Outcomes

Run = dict[str, Any]
OWN_HEAD, ALL_ROWS = "own-head", "all-rows"
SUBWORD = "subword"
_VERSIONS = ("nlpie-models", "torch", "transformers", "tokenizers", "scikit-learn")
_IDENTITY = ("split", "seed")


@dataclass(frozen=True)
class Results:
    """The runs of a checkpoint on a data set by one protocol.

    Attributes:
        checkpoint: Name of the checkpoint, or of what was fine-tuned.
        dataset: Name of the data set.
        protocol: ``own-head``: the checkpoint as it is; ``subword``: the same, scored on sub-words as published numbers
            are; else the budget by which it was fine-tuned.
        task: Name of the task.
        metric: The score that checkpoints are compared by.
        runs: Each with ``split``, ``seed``, ``scores``, ``interval``, ``outcomes`` and its provenance.
    """

    checkpoint: str
    dataset: str
    protocol: str
    task: str
    metric: str
    runs: list[Run]

    def path(self, folder: Path) -> Path:
        """Return the file of these results in a folder of results."""
        return folder / self.checkpoint / f"{self.dataset}.{self.protocol}.json"

    def test_runs(self) -> list[Run]:
        """Return the runs on test splits, by seed."""
        return sorted((run for run in self.runs if run["split"] == "test"), key=lambda run: run["seed"] or 0)


def provenance(*command: object) -> dict[str, Any]:
    """Return the versions, the hardware and the command that a number was measured with.

    Args:
        *command: The words of the command that measures it again, without paths of this machine.
    """
    return {
        "versions": {name: _version(name) for name in _VERSIONS},
        "python": platform.python_version(),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores{_accelerator()}",
        "command": shlex.join(map(str, command)),
    }


def add_run(folder: Path, results: Results) -> None:
    """Put runs into the file of their checkpoint, data set and protocol, replacing those of the same split and seed."""
    path = results.path(folder)
    new = {tuple(run[key] for key in _IDENTITY) for run in results.runs}
    with one_at_a_time(path):
        old = read_results(path).runs if path.exists() else []
        kept = [run for run in old if tuple(run[key] for key in _IDENTITY) not in new]
        runs = sorted([*kept, *results.runs], key=lambda run: (run["split"], run["seed"] or 0))
        with write_whole(path, overwrite=True) as temporary:
            temporary.write_text(json.dumps({**vars(results), "runs": runs}, indent=1) + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        DataError: It cannot be read, or is not one.
    """
    try:
        return Results(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a results file: {error}") from error


def find_results(folder: Path) -> Iterator[Results]:
    """Read all the results in a folder, in the order of their names."""
    for path in sorted(folder.glob("*/*.json")):
        yield read_results(path)


def suite_scores(results: Sequence[Results], budget: str) -> tuple[list[str], dict[str, dict[str, Results]]]:
    """Return the sets that have results by a budget, by task, and for each checkpoint its results for them.

    The baselines, which know no budget, are among the checkpoints.
    """
    task_of = {each.dataset: each.task for each in results if each.protocol == budget}
    sets = sorted(task_of, key=lambda dataset: (task_of[dataset], dataset))
    by_name: dict[str, dict[str, Results]] = {}
    for each in results:
        if each.dataset in task_of and each.protocol in (budget, ALL_ROWS):
            by_name.setdefault(each.checkpoint, {})[each.dataset] = each
    return sets, by_name


def mean_score(results: Results) -> float:
    """Return the mean over the seeds of the main score on test."""
    return float(np.mean([run["scores"][results.metric] for run in results.test_runs()]))


def fewest_seeds(results: Iterable[Results]) -> int:
    """Return how many seeds each of a checkpoint's data sets has at the least."""
    return min(len(each.test_runs()) for each in results)


def pack(outcomes: Outcomes) -> dict[str, Any]:
    """Turn outcomes into JSON-ready values."""
    counts = outcomes.counts.astype("<u2")
    data = base64.b64encode(zlib.compress(counts.tobytes(), 9)).decode()
    return {"labels": list(outcomes.labels), "documents": len(counts), "counts": data}


def unpack(values: dict[str, Any]) -> Outcomes:
    """Return the outcomes that ``pack`` turned into ``values``."""
    counts = np.frombuffer(zlib.decompress(base64.b64decode(values["counts"])), dtype="<u2").astype(np.int64)
    labels = tuple(values["labels"])
    return Outcomes(labels, counts.reshape(values["documents"], len(labels), 4))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _accelerator() -> str:
    import torch

    return f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
