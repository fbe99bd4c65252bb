"""The table of students, over results whose scores and intervals are computed by hand."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from nlpie_models.evaluation import students
from nlpie_models.evaluation.efficiency import Efficiency
from nlpie_models.evaluation.report import render_tables
from nlpie_models.evaluation.results import Results, add_run, pack
from nlpie_models.registry import get_checkpoint
from nlpie_models.scoring import Outcomes

HEAD = (
    "| checkpoint | is | parameters | MB on disk | notes/s batched | seeds | mean | 95% | of the teacher's | 95% "
    "| over its peer | 95% |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)


def file_runs(folder: Path, name: str, dataset: str, *tenths: int) -> None:
    """File a run a seed whose F1 is so many tenths in every document, so that it is the same whichever are drawn."""
    runs = []
    for seed, right in enumerate(tenths, start=1):
        outcomes = Outcomes(("x",), np.array([[[right, 10, right, 10]]] * 5))
        packed = {"outcomes": pack(outcomes), "data_sha256": {"test": dataset}}
        runs.append({"split": "test", "seed": seed, "scores": {"f1": right / 10}, **packed})
    add_run(folder, Results(name, dataset, "quick", "ner", "f1", runs))


def file_cost(folder: Path, name: str, **figures: float) -> None:
    path = folder.parent / "efficiency" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    cost = dict.fromkeys((field.name for field in fields(Efficiency)), 0)
    path.write_text(json.dumps(cost | {"checkpoint": name, **figures}))


def table(folder: Path) -> str:
    start, end = "<!-- results: students -->\n", "<!-- end of results -->"
    return render_tables(start + end, folder).removeprefix(start).removesuffix(end)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Results of a teacher, a student and its peer; of another student, a set is not measured yet."""
    base, tiny = get_checkpoint("open-base"), get_checkpoint("open-tiny")
    recipe = replace(tiny.recipe, teacher="big")
    rows = [
        replace(base, name="big", peer="unmeasured"),
        replace(tiny, name="small", peer="general", recipe=recipe),
        replace(tiny, name="smaller", peer="general", recipe=recipe),
    ]
    monkeypatch.setattr(students, "list_checkpoints", lambda: rows)
    results = tmp_path / "results"
    for name, one, two in (("big", [8, 8], [6]), ("general", [5], [3]), ("small", [6, 7], [4])):
        file_runs(results, name, "one", *one)
        file_runs(results, name, "two", *two)
    file_runs(results, "smaller", "one", 7)
    file_cost(results, "big", parameters=22_560_000, folder_bytes=46_240_000, stream_notes_per_second=4.5)
    file_cost(results, "small", parameters=4_000_000, folder_bytes=8_100_000, stream_notes_per_second=21.25)
    return results


def test_what_a_student_costs_keeps_and_gains(folder) -> None:
    # Seeds of 0.6 and 0.7 on one set and 0.4 on the other: a mean of 0.525, and 0.5 to 0.55 as the seeds are drawn.
    assert table(folder) == HEAD + (
        "| big | teacher | 22.6M | 46.2 | 4.50 | 1 | 0.700 | 0.700 to 0.700 |  |  |  |  |\n"
        "| small | student of big | 4.0M | 8.1 | 21.25 | 1 | 0.525 | 0.500 to 0.550 | 75.0% | 71.4% to 78.6% "
        "| +0.125 | +0.100 to +0.150 |\n"
        "| general | peer of small |  |  |  | 1 | 0.400 | 0.400 to 0.400 |  |  |  |  |\n"
    )


def test_a_peer_of_two_and_a_student_below_its_own(folder) -> None:
    file_runs(folder, "smaller", "two", 0)
    *_, smaller, general = table(folder).splitlines()
    assert smaller == (
        "| smaller | student of big |  |  |  | 1 | 0.350 | 0.350 to 0.350 | 50.0% | 50.0% to 50.0% "
        "| -0.050 | -0.050 to -0.050 |"
    )
    assert general.startswith("| general | peer of small, smaller |")


def test_no_student_is_measured_whole(folder) -> None:
    file_runs(folder, "big", "three", 8)
    file_runs(folder, "general", "three", 5)
    assert table(folder) == "No student has been measured on the whole suite yet.\n"
