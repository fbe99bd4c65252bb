"""The suites of the package, and their results in files."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from measured import file_runs, make_run

from nlpie_models.data.corpora import CORPORA_FOLDER
from nlpie_models.errors import UnknownName
from nlpie_models.evaluation import suites
from nlpie_models.evaluation.results import find_results
from nlpie_models.evaluation.suite_runs import SuiteRun
from nlpie_models.evaluation.suites import read_suite


def test_no_two_suites_file_results_under_the_same_name() -> None:
    budgets = [budget for suite in suites.list_suites() for budget in suite.budgets]
    assert len(budgets) >= 4
    assert len(budgets) == len(set(budgets))


@pytest.mark.parametrize(
    ("name", "budgets"), [("open", ["standard", "full"]), ("clinical", ["clinical-quick", "paper"])]
)
def test_the_suites_of_the_package(name, budgets) -> None:
    suite = read_suite(name)
    assert list(suite.budgets) == budgets
    assert {dataset.task for dataset in suite.sets} == {"ner", "relation", "nli", "classification"}
    assert len(suite.sets) >= (8 if name == "open" else 6)
    assert suite.choose(("icn",))[0].task == "classification"
    with pytest.raises(UnknownName):
        suite.budget("slow")


def test_a_set_may_have_the_folder_of_another_and_its_results_a_name_for_themselves(tmp_path) -> None:
    suite = read_suite("open")
    assert len(suite.sets) == len({dataset.name for dataset in suite.sets})
    [notes, pairs] = suite.choose(("clinical_notes", "clinical_notes-relation"))
    assert notes.folder == pairs.folder == "clinical_notes"
    runs = [
        SuiteRun("one", None, CORPORA_FOLDER / dataset.folder, dataset, "standard", "open", suite.budget("standard"), 1)
        for dataset in (notes, pairs)
    ]
    assert len({run.results().path(tmp_path) for run in runs}) == 2
    assert runs[1].command()[-4:] == ["--seed", "1", "--set", "clinical_notes-relation"]
    assert runs[0].data_sha256() == runs[1].data_sha256()


def test_runs_that_end_together_are_all_filed(tmp_path) -> None:
    def file(seed: int) -> None:
        file_runs(tmp_path, "one", "set", make_run(seed=seed))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(file, range(40)))
    [found] = find_results(tmp_path)
    assert [run.seed for run in found.runs] == list(range(40))
