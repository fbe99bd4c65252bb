"""Run a suite: fine-tune a checkpoint on one data set with one seed, choose on validation, score once on test."""

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from .._version import __version__
from ..data.corpora import is_bundled, shown_path
from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..errors import DataError
from ..loading.find import find_checkpoint
from ..pipelines import load_clinical
from ..recipes import FinetuningArguments
from ..tasks import SEQUENCES, Task, get_task
from ..training.finetuning import finetune_checkpoint
from ..training.labelled import LabelledData, LabelledRows, read_labelled_data
from ..training.runs import RunOutput, runs_folder
from ..util.files import sha256_of
from .baselines import BASELINES
from .results import ALL_ROWS, Results, Run, add_run, provenance, read_results
from .score import evaluate_pipeline
from .suites import Budget, SuiteSet

_SPLITS = ("train", "validation", "test")
_SHARED_SEED = 0


@dataclass(frozen=True)
class SuiteRun:
    """One fine-tuning of a suite, or one baseline.

    Attributes:
        name: Name of the checkpoint, or of the baseline, under which results are filed.
        start: Name or folder of the checkpoint that is fine-tuned; None for a baseline.
        data: Folder of the data set.
        dataset: The data set.
        protocol: Name of the budget, or ``all-rows`` for a baseline.
        suite: Name of the suite; None for a baseline.
        budget: The budget; None for a baseline, which learns from all rows.
        seed: Seed of the head, of dropout, of the order, and of the choice of training examples.
    """

    name: str
    start: str | None
    data: Path
    dataset: SuiteSet
    protocol: str
    suite: str | None = None
    budget: Budget | None = None
    seed: int = 0

    @property
    def task(self) -> Task:
        return get_task(self.dataset.task)

    @property
    def metric(self) -> str:
        """The main score."""
        return self.dataset.metric or self.task.supervised().metric

    @property
    def labels(self) -> LabelMap:
        return LabelMap(read_label_map(self.dataset.label_map) if self.dataset.label_map else {})

    def key(self) -> str:
        """Return a hash of everything that the result follows from."""
        dataset = asdict(self.dataset)
        del dataset["data"]  # the hashes say which data they are
        content = {
            "version": __version__,
            "set": dataset,
            "budget": self.budget and asdict(self.budget),
            "seed": self.seed,
            "data": self.data_sha256(),
            "start": self.start_sha256() or self.name,
            "config": find_checkpoint(self.start).config if self.start else None,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def data_sha256(self) -> dict[str, str]:
        """Return the hash of each split."""
        return {split: sha256_of(find_split(self.data, split)) for split in _SPLITS}

    def start_sha256(self) -> str | None:
        """Return the hash of the weights that are fine-tuned; None for a baseline."""
        return sha256_of(find_checkpoint(self.start).weights) if self.start else None

    def command(self) -> list[str]:
        """Return the words of the command that repeats this; DATA stands for the folder that holds the data sets."""
        if self.suite is None:
            data = ["--data", shown_path(self.data)]
            return ["nlpie", "evaluate", "CHECKPOINT", "-t", self.task.name, *data, "--baselines"]
        budget = ["--suite", self.suite, "--budget", self.protocol, "--seed", str(self.seed)]
        data = [] if is_bundled(self.data) else ["--data", "DATA"]
        return ["nlpie", "evaluate", self.name, *budget, *data, "--set", self.dataset.name]

    def results(self, *runs: Run) -> Results:
        """Return runs as results."""
        return Results(self.name, self.dataset.name, self.protocol, self.task.name, self.metric, runs)


def is_finished(planned: SuiteRun, folder: Path) -> bool:
    """Return whether a folder of results holds this run, made of the same data, weights and settings."""
    path = planned.results().path(folder)
    return path.exists() and planned.key() in {run.key for run in read_results(path).runs}


def perform(planned: SuiteRun, folder: Path) -> Run:
    """Fine-tune, score, and file the run in a folder of results.

    Raises:
        NlpieError: The data cannot be read, the checkpoint cannot be fine-tuned for the task, or the file has
            runs of other weights under the same name.
    """
    _refuse_other_weights(planned, folder)
    run = _baseline(planned) if planned.budget is None else _finetuned(planned, planned.budget)
    run = replace(
        run,
        key=planned.key(),
        seed=planned.seed,
        start_sha256=planned.start_sha256(),
        data_sha256=planned.data_sha256(),
    )
    add_run(folder, planned.results(run))
    return run


def _refuse_other_weights(planned: SuiteRun, folder: Path) -> None:
    path = planned.results().path(folder)
    if not path.exists() or not planned.start:
        return
    others = [run for run in read_results(path).runs if run.seed != planned.seed]
    if any(run.start_sha256 != planned.start_sha256() for run in others):
        raise DataError(
            f"{path} has runs of other weights called {planned.name}, which have no common mean; remove it, or file "
            "these under another --name"
        )


def _finetuned(planned: SuiteRun, budget: Budget) -> Run:
    with tempfile.TemporaryDirectory(prefix="nlpie-suite-") as place:
        rates = budget.rates_for(AutoConfig.for_model(**find_checkpoint(planned.start).config).hidden_size)
        trained = [_train(planned, budget, rate, Path(place) / str(rate)) for rate in rates]
        best, _ = max(trained, key=lambda item: item[1])
        pipe = load_clinical(best, planned.task.name)
        return evaluate_pipeline(
            pipe, planned.data, "test", planned.dataset.label_map, metric=planned.metric, command=planned.command()
        )


def _train(planned: SuiteRun, budget: Budget, learning_rate: float, output: Path) -> tuple[Path, float]:
    """Fine-tune with one learning rate and return where, and the score on validation."""
    arguments = FinetuningArguments(
        label_map=planned.dataset.label_map,
        task_options=planned.dataset.options,
        unit="window",
        window=budget.window,
        examples=budget.examples,
        epochs=budget.epochs,
        learning_rate=learning_rate,
        batch=budget.batch,
        warmup=budget.warmup,
        seed=planned.seed,
    )
    data = _cap(read_labelled_data(planned.task, planned.data, arguments), budget)
    record = finetune_checkpoint(find_checkpoint(planned.start), data, arguments, output=RunOutput(output))
    shutil.rmtree(runs_folder(output))
    return output, record["best_on_validation"]


def _cap(labelled: LabelledData, budget: Budget) -> LabelledData:
    """Return the data with the validation rows that the budget allows."""
    pairs = list(zip(labelled.validation.rows, labelled.validation.golds, strict=True))
    rows, golds = zip(*_draw(pairs, budget.validation_rows, _SHARED_SEED), strict=True)
    return replace(labelled, validation=LabelledRows(rows, golds))


def _draw(items: Sequence[Any], most: int | None, seed: int) -> list[Any]:
    if most is None or len(items) <= most:
        return list(items)
    return random.Random(seed).sample(list(items), most)


def _baseline(planned: SuiteRun) -> Run:
    """Fit a baseline on all training rows and score it."""
    task = planned.task.supervised()
    train, validation, (rows, golds) = (
        task.read_labelled(read_rows(find_split(planned.data, split)), planned.labels) for split in _SPLITS
    )
    answers = BASELINES[planned.name](task, train, validation, rows)
    return Run.of(
        task.outcomes(golds, answers),
        planned.metric,
        split="test",
        seed=planned.seed,
        data_sha256=planned.data_sha256(),
        provenance=provenance(*planned.command()),
    )


def baseline_runs(data: Path, dataset: SuiteSet) -> list[SuiteRun]:
    """Return the runs of the baselines that a data set can have."""
    has_words = get_task(dataset.task).auto_class == SEQUENCES
    names = [name for name in BASELINES if name != "tfidf-lr" or has_words]
    return [SuiteRun(name, None, data, dataset, ALL_ROWS) for name in names]
