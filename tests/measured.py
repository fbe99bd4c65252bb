"""Results and figures that tests make up."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from nlpie_models.evaluation.efficiency import Conditions, Efficiency
from nlpie_models.evaluation.results import PackedOutcomes, Provenance, Results, Run, add_run, write_record
from nlpie_models.metrics.counts import Outcomes

PROVENANCE = Provenance(versions={"torch": "2.13.0"}, python="3.11", hardware="x86_64, 2 cores", command="nlpie x")
CONDITIONS = Conditions(
    **vars(PROVENANCE), cpu="CPU", threads=2, device="cpu", rounds=1, settings={}, weights_sha256="", notes_sha256=""
)
_NOTHING = PackedOutcomes((), 0, "")


def make_run(**facts: Any) -> Run:
    """Return a run on test of seed 1 without documents, except for what is given."""
    given = {"split": "test", "seed": 1, "documents": 0, "scores": {}, "labels": {}, "interval": (0.0, 1.0)}
    given |= {"outcomes": _NOTHING, "provenance": PROVENANCE, "data_sha256": {"test": "1"}, "ece": 0.0}
    return Run(**given | facts)


def run_of(outcomes: Outcomes, metric: str, **facts: Any) -> Run:
    """Return a run on test of seed 1 with these outcomes."""
    given = {"split": "test", "seed": 1, "provenance": PROVENANCE, "data_sha256": {"test": "1"}}
    return Run.of(outcomes, metric, **given | facts)


def file_runs(folder: Path, name: str, dataset: str, *runs: Run, protocol: str = "standard", **facts: str) -> None:
    """File runs of a checkpoint: F1 of entities unless ``task`` and ``metric`` are given."""
    add_run(folder, Results(name, dataset, protocol, **{"task": "ner", "metric": "f1"} | facts, runs=runs))


def file_cost(results: Path, name: str, **figures: float) -> None:
    """File what a checkpoint costs: 0 of everything that is not given."""
    numbers = {field.name: 0 for field in fields(Efficiency)} | figures
    cost = Efficiency(**numbers | {"checkpoint": name, "task": "embedding", "provenance": CONDITIONS})
    write_record(cost.path(results), cost)
