"""A cell of a suite: one checkpoint fine-tuned on one set with one seed, chosen on validation, scored once on test."""

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .._version import __version__
from ..checkpoint_files import LocalCheckpoint, find_checkpoint
from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..documents import Encoder, Reader
from ..documents.reading import default_overlap
from ..errors import DataError
from ..files import sha256_of
from ..pipelines import load_clinical
from ..tasks import Head, Task, get_task
from ..training.finetuning import FinetuningArguments, finetune
from ..training.labelled import Labelled, LabelledData, read_labelled_data
from ..training.starting import start_model
from .baselines import BASELINES
from .evaluate import evaluate_pipeline, score_answers
from .results import ALL_ROWS, Results, Run, add_run, provenance, read_results
from .suites import Budget, SuiteSet

_SPLITS = ("train", "validation", "test")
_SHARED_SEED = 0


@dataclass(frozen=True)
class Cell:
    """One fine-tuning of a suite.

    Attributes:
        name: What is fine-tuned, as results call it.
        start: The checkpoint, a name or a folder; None for a baseline.
        data: Folder with the set.
        chosen: The set.
        protocol: Name of the budget.
        suite: Name of the suite; None for a baseline.
        budget: The budget; None for a baseline, which learns from all rows.
        seed: Of head, dropout, order, and the training examples that are drawn.
    """

    name: str
    start: str | None
    data: Path
    chosen: SuiteSet
    protocol: str
    suite: str | None = None
    budget: Budget | None = None
    seed: int = 0

    @property
    def task(self) -> Task:
        return get_task(self.chosen.task)

    @property
    def metric(self) -> str:
        """The score to compare by."""
        return self.chosen.metric or self.task.supervised().metric

    @property
    def labels(self) -> LabelMap:
        return LabelMap(read_label_map(self.chosen.label_map) if self.chosen.label_map else {})

    def key(self) -> str:
        """Return a hash of all that the result follows from."""
        content = {
            "version": __version__,
            "set": asdict(self.chosen),
            "budget": self.budget and asdict(self.budget),
            "seed": self.seed,
            "data": self.data_sha256(),
            "start": self.start_sha256() or self.name,
            "config": find_start(self.start).config if self.start else None,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def data_sha256(self) -> dict[str, str]:
        """Return the hash of each split."""
        return {split: sha256_of(find_split(self.data, split)) for split in _SPLITS}

    def start_sha256(self) -> str | None:
        """Return the hash of the weights that are fine-tuned; None for a baseline."""
        return sha256_of(find_start(self.start).weights) if self.start else None

    def command(self) -> list[str]:
        """Return the words of the command that runs this cell; DATA stands for the folder that holds the sets."""
        name, folder = self.chosen.name, f"DATA/{self.chosen.name}"
        if self.suite is None:
            return ["nlpie", "evaluate", "CHECKPOINT", "-t", self.task.name, "--data", folder, "--baselines"]
        budget = ["--suite", self.suite, "--budget", self.protocol, "--seed", str(self.seed)]
        return ["nlpie", "evaluate", self.name, *budget, "--data", "DATA", "--set", name]

    def results(self, runs: list[Run]) -> Results:
        """Return runs as results."""
        return Results(self.name, self.chosen.name, self.protocol, self.task.name, self.metric, runs)


def find_start(name: str | None) -> LocalCheckpoint:
    """Find the checkpoint that a fine-tuning starts from: any encoder will do."""
    return find_checkpoint(name, get_task("embedding"), None)


def finished(cell: Cell, folder: Path) -> bool:
    """Whether the results in a folder hold this very cell."""
    path = cell.results([]).path(folder)
    return path.exists() and any(run.get("key") == cell.key() for run in read_results(path).runs)


def run_cell(cell: Cell, folder: Path) -> Run:
    """Fine-tune and score one cell, and file the run in a folder of results.

    Raises:
        NlpieError: The data cannot be read, the checkpoint cannot be fine-tuned so, or the file has runs of other
            weights under its name.
    """
    _refuse_other_weights(cell, folder)
    run = _baseline(cell) if cell.budget is None else _finetuned(cell, cell.budget)
    run |= {
        "key": cell.key(),
        "seed": cell.seed,
        "start_sha256": cell.start_sha256(),
        "data_sha256": cell.data_sha256(),
        **provenance(*cell.command()),
    }
    add_run(folder, cell.results([run]))
    return run


def _refuse_other_weights(cell: Cell, folder: Path) -> None:
    path = cell.results([]).path(folder)
    if not path.exists() or not cell.start:
        return
    others = [run for run in read_results(path).runs if run["seed"] != cell.seed]
    if any(run.get("start_sha256") != cell.start_sha256() for run in others):
        raise DataError(
            f"{path} has runs of other weights called {cell.name}, and their mean would say nothing; remove it, or "
            "file these under another --name"
        )


def _finetuned(cell: Cell, budget: Budget) -> Run:
    with tempfile.TemporaryDirectory(prefix="nlpie-cell-") as place:
        trained = [_train(cell, budget, rate, Path(place) / str(rate)) for rate in budget.learning_rates]
        best, _ = max(trained, key=lambda item: item[1])
        pipe = load_clinical(best, cell.task.name)
        return evaluate_pipeline(pipe, cell.data, "test", cell.chosen.label_map, metric=cell.metric)


def _train(cell: Cell, budget: Budget, learning_rate: float, output: Path) -> tuple[Path, float]:
    """Fine-tune with one learning rate and return where, and the score on validation."""
    labelled = _cap(read_labelled_data(cell.task, cell.data, cell.labels, cell.chosen.options), budget)
    model, tokenizer = start_model(find_start(cell.start), labelled.head(budget.window), seed=cell.seed)
    encoder = Encoder(tokenizer.backend_tokenizer)
    reader = Reader(encoder, tokenizer.cls_token_id, tokenizer.sep_token_id, budget.window)
    head = Head.of(model.config, tokenizer)
    record = finetune(
        model,
        tokenizer,
        train=_draw(labelled.training_examples(reader), budget.examples, cell.seed),
        validation=labelled.validation_plans(replace(reader, overlap=default_overlap(budget.window)), head),
        output=output,
        arguments=FinetuningArguments(
            epochs=budget.epochs,
            learning_rate=learning_rate,
            batch=budget.batch,
            warmup=budget.warmup,
            seed=cell.seed,
        ),
    )
    shutil.rmtree(output.with_name(f"{output.name}.runs"))
    return output, record["best_on_validation"]


def _cap(labelled: LabelledData, budget: Budget) -> LabelledData:
    """Return the data with the validation rows that the budget allows."""
    pairs = list(zip(labelled.validation.rows, labelled.validation.golds, strict=True))
    rows, golds = zip(*_draw(pairs, budget.validation_rows, _SHARED_SEED), strict=True)
    return replace(labelled, validation=Labelled(rows, golds))


def _draw(items: Sequence[Any], most: int | None, seed: int) -> list[Any]:
    if most is None or len(items) <= most:
        return list(items)
    return random.Random(seed).sample(list(items), most)


def _baseline(cell: Cell) -> Run:
    """Fit a baseline on all of the training rows; it knows no budget."""
    task, supervision = cell.task, cell.task.supervised()
    train, validation, (rows, golds) = (
        task.read_labelled(read_rows(find_split(cell.data, split)), cell.labels) for split in _SPLITS
    )
    answers = BASELINES[cell.name](supervision, train, validation, rows)
    return {"split": "test", **score_answers(supervision, golds, answers, cell.metric)}


def baseline_cells(data: Path, chosen: SuiteSet) -> list[Cell]:
    """Return the cells of the baselines that there are for a set."""
    has_words = get_task(chosen.task).supervised().tfidf_text is not None
    names = [name for name in BASELINES if name != "tfidf-lr" or has_words]
    return [Cell(name, None, data, chosen, ALL_ROWS) for name in names]
