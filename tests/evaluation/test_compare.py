"""Comparisons of checkpoints, and the table of students, over results whose scores are computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured import file_cost, file_runs, run_of

from nlpie_models.errors import DataError
from nlpie_models.evaluation import compare
from nlpie_models.evaluation.compare import compare_results, draw_scores, percentile_interval, permutation_test
from nlpie_models.evaluation.report import render_tables
from nlpie_models.evaluation.suites import read_suite
from nlpie_models.metrics.counts import Outcomes, count_labels
from nlpie_models.registry import get_checkpoint

HEAD = (
    "| checkpoint | role | parameters | MB on disk | notes/s, batched | seeds | mean score | 95% interval "
    "| share of the teacher's mean | 95% interval | gain over the peer | 95% interval | better than |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
)


def file_tenths(folder: Path, name: str, dataset: str, *tenths: int) -> None:
    """File a run a seed whose F1 is so many tenths in every document, so that it is the same whichever are drawn."""
    runs = []
    for seed, tp in enumerate(tenths, start=1):
        outcomes = Outcomes(("x",), np.array([[[tp, 10, tp, 10]]] * 5))
        runs.append(run_of(outcomes, "f1", seed=seed, data_sha256={"test": dataset}))
    file_runs(folder, name, dataset, *runs)


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
    monkeypatch.setattr(compare, "list_checkpoints", lambda: rows)
    results = tmp_path / "results"
    for name, one, two in (("big", [8, 8], [6]), ("general", [5], [3]), ("small", [6, 7], [4])):
        file_tenths(results, name, "one", *one)
        file_tenths(results, name, "two", *two)
    file_tenths(results, "smaller", "one", 7)
    file_cost(results, "big", parameters=22_560_000, folder_bytes=46_240_000, stream_notes_per_second=4.5)
    file_cost(results, "small", parameters=4_000_000, folder_bytes=8_100_000, stream_notes_per_second=21.25)
    return results


def test_what_a_student_costs_keeps_and_gains(folder) -> None:
    # Seeds of 0.6 and 0.7 on one set and 0.4 on the other: a mean of 0.525, and 0.5 to 0.55 as the seeds are drawn.
    assert table(folder) == HEAD + (
        "| big | teacher | 22.6M | 46.2 | 4.50 | 1 | 0.700 | 0.700 to 0.700 |  |  |  |  | small, general |\n"
        "| small | student of big | 4.0M | 8.1 | 21.25 | 1 | 0.525 | 0.500 to 0.550 | 75.0% | 71.4% to 78.6% "
        "| +0.125 | +0.100 to +0.150 | general |\n"
        "| general | peer of small |  |  |  | 1 | 0.400 | 0.400 to 0.400 |  |  |  |  |  |\n"
    )


def test_a_peer_of_two_and_a_student_below_its_own(folder) -> None:
    file_tenths(folder, "smaller", "two", 0)
    *_, smaller, general = table(folder).splitlines()
    assert smaller == (
        "| smaller | student of big |  |  |  | 1 | 0.350 | 0.350 to 0.350 | 50.0% | 50.0% to 50.0% "
        "| -0.050 | -0.050 to -0.050 |  |"
    )
    assert general.startswith("| general | peer of small, smaller |")


def test_no_student_is_measured_whole(folder) -> None:
    file_tenths(folder, "big", "three", 8)
    file_tenths(folder, "general", "three", 5)
    assert table(folder) == "No student has been measured on the whole suite yet.\n"


def test_shares_are_those_of_the_suites_teacher_once_it_is_measured(folder) -> None:
    teacher = read_suite("open").teacher
    for dataset in ("one", "two"):
        file_tenths(folder, teacher, dataset, 9)
    first, second, student, peer = table(folder).removeprefix(HEAD).splitlines()
    assert first == (f"| {teacher} | teacher |  |  |  | 1 | 0.900 | 0.900 to 0.900 |  |  |  |  | big, small, general |")
    assert second.startswith("| big | teacher |")
    assert "| 77.8% | 77.8% to 77.8% |" in second
    assert student.startswith("| small | student of big |")
    assert "| 58.3% | 55.6% to 61.1% |" in student
    assert peer.endswith("| 44.4% | 44.4% to 44.4% |  |  |  |")


def answers(correct: int, wrong: int) -> Outcomes:
    return Outcomes.of([count_labels("a", "a")] * correct + [count_labels("a", "b")] * wrong)


def test_differences() -> None:
    good, bad = answers(380, 20), answers(340, 60)
    low, high = percentile_interval(np.subtract(*draw_scores([[good], [bad]], "accuracy")))
    assert low < 0.1 < high
    assert low == pytest.approx(0.1 - 1.96 * (0.1 * 0.9 / 400) ** 0.5, abs=0.01)
    assert permutation_test([good], [bad], "accuracy") < 0.001
    assert permutation_test([good, bad], [bad, good], "accuracy") == 1.0
    low, high = percentile_interval(np.subtract(*draw_scores([[good, bad], [good, bad]], "accuracy")))
    assert low < 0 < high
    assert permutation_test([answers(10, 5)], [answers(11, 4)], "accuracy") > 0.5


def test_few_documents_are_exchanged_in_every_way() -> None:
    # Of the 2 ** 3 exchanges, 2 make the difference as large as it is.
    assert permutation_test([answers(3, 0).with_labels("ab")], [answers(0, 3)], "accuracy") == pytest.approx(2 / 8)


def test_results_of_other_documents_do_not_compare(tmp_path) -> None:
    for name, data in (("one", "1"), ("two", "2")):
        run = run_of(answers(9, 1), "accuracy", data_sha256={"test": data})
        file_runs(tmp_path, name, "kinds", run, task="classification", metric="accuracy")
    with pytest.raises(DataError, match="kinds: one and two were scored on different test splits"):
        compare_results("one", "two", folder=tmp_path, protocol="standard")
