"""Suites: what they hold, cells that are run once, stops and starts, and comparisons."""

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.errors import DataError, NlpieError, RegistryError, UnknownName
from nlpie_models.evaluation import cells, suites
from nlpie_models.evaluation.compare import compare_results, draw_scores, percentile_interval, permutation_test
from nlpie_models.evaluation.results import Results, add_run, find_results, pack, read_results
from nlpie_models.evaluation.suites import read_suite
from nlpie_models.scoring import Outcomes, count_labels

SUITE = """
summary = "tiny"
[budgets.quick]
summary = "very quick"
examples = 24
validation_rows = 6
window = 32
epochs = 2
learning_rates = [5e-3, 1e-5]
batch = 8
warmup = 0.0
[[sets]]
name = "kinds"
task = "classification"
[[sets]]
name = "spans"
task = "ner"
options = { unit = "sentence" }
"""
WORDS = ["chest pain", "fever", "no aspirin"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two small data sets, and a suite of them."""
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "tiny.toml").write_text(SUITE)
    monkeypatch.setattr(suites, "FOLDER", folder)
    read_suite.cache_clear()
    rng = random.Random(0)
    for split, count in (("train", 40), ("validation", 12), ("test", 12)):
        texts = [rng.choice(WORDS) for _ in range(count)]
        rows = {
            "kinds": [{"text": text, "label": text.split()[-1]} for text in texts],
            "spans": [{"text": text, "entities": [{"start": 0, "end": len(text), "label": "x"}]} for text in texts],
        }
        for name, lines in rows.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    yield tmp_path
    read_suite.cache_clear()


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def scores(folder) -> dict:
    return {(each.checkpoint, each.dataset): [r["scores"] for r in each.runs] for each in find_results(folder)}


def test_an_interrupted_suite_goes_on_where_it_stopped(data, ner_folder, tmp_path, monkeypatch) -> None:
    arguments = [ner_folder, "--suite", "tiny", "--data", data, "--seed", 1]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert "ner kinds quick seed 1: macro_f1" in run(*arguments, "--results", whole)
    calls = []

    def run_one_and_stop(cell, folder):
        calls.append(cell.chosen.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(cell, folder)

    original = cells.run_cell
    with monkeypatch.context() as patch:
        patch.setattr(cells, "run_cell", run_one_and_stop)
        run(*arguments, "--results", stopped, code=1)
    assert [each.dataset for each in find_results(stopped)] == ["kinds"]
    assert "1 of 2 are finished already" in run(*arguments, "--results", stopped)
    assert scores(stopped) == scores(whole)
    assert "2 of 2 are finished already" in run(*arguments, "--results", stopped)
    [finished] = read_results(stopped / "ner" / "kinds.quick.json").runs
    assert finished["training"]["learning_rate"] == 5e-3
    assert finished["command"] == "nlpie evaluate ner --suite tiny --budget quick --seed 1 --data DATA --set kinds"
    assert set(finished["data_sha256"]) == {"train", "validation", "test"}
    assert len(finished["start_sha256"]) == 64

    (data / "kinds" / "test.jsonl").write_text((data / "kinds" / "validation.jsonl").read_text())
    assert "1 of 2 are finished already" in run(*arguments, "--results", stopped)


def test_another_config_is_another_cell(data, ner_folder, tmp_path) -> None:
    start = shutil.copytree(ner_folder, tmp_path / "start")
    cell = cells.Cell("start", str(start), data / "kinds", read_suite("tiny").sets[0], "quick")
    before = cell.key()
    config = json.loads((start / "config.json").read_text())
    (start / "config.json").write_text(json.dumps(config, sort_keys=True))
    assert cell.key() == before
    (start / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.5}))
    assert cell.key() != before


def test_no_two_suites_file_results_under_the_same_name() -> None:
    budgets = [budget for suite in suites.list_suites() for budget in suite.budgets]
    assert len(budgets) >= 4
    assert len(budgets) == len(set(budgets))


def test_the_folder_in_which_one_is_has_a_name(data, ner_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(data / "spans")
    run(ner_folder, "--data", ".", "--split", "test", "--results", tmp_path / "results")
    assert list(scores(tmp_path / "results")) == [("ner", "spans")]


def test_seeds_of_other_weights_are_not_put_under_one_name(data, ner_folder, mlm_folder, tmp_path) -> None:
    given = ["--name", "mine", "--suite", "tiny", "--data", data, "--set", "kinds", "--results", tmp_path / "results"]
    run(ner_folder, *given, "--seed", 1)
    before = scores(tmp_path / "results")
    assert "has runs of other weights called mine" in run(mlm_folder, *given, "--seed", 2, code=1)
    assert scores(tmp_path / "results") == before
    run(mlm_folder, *given, "--seed", 1)
    assert "--name is for a folder and cannot be a path" in run(mlm_folder, *given, "--name", "a/b", code=2)


def test_baselines_are_run_like_checkpoints(data, tmp_path) -> None:
    results = tmp_path / "results"
    printed = run("majority", "tfidf-lr", "--suite", "tiny", "--data", data, "--results", results)
    assert "tfidf-lr kinds all-rows: macro_f1 1.000" in printed
    assert {(name, dataset) for name, dataset in scores(results)} == {
        ("majority", "kinds"), ("majority", "spans"), ("tfidf-lr", "kinds"),
    }  # fmt: skip


def test_unknown_names_and_missing_data(data, ner_folder, tmp_path) -> None:
    asked = [ner_folder, "--data", data, "--results", tmp_path / "results"]
    assert "Unknown suite 'opn'" in run(*asked, "--suite", "opn", code=1)
    assert "Unknown budget 'slow'" in run(*asked, "--suite", "tiny", "--budget", "slow", code=1)
    assert "Unknown set of the suite 'kind'. Did you mean 'kinds'" in run(
        *asked, "--suite", "tiny", "--set", "kind", code=1
    )
    (data / "kinds" / "test.jsonl").unlink()
    assert "has no test.jsonl" in run(*asked, "--suite", "tiny", code=1)


def test_a_suite_that_breaks_its_schema(data) -> None:
    (suites.FOLDER / "wrong.toml").write_text(SUITE.replace("epochs = 2", "epoch = 2"))
    with pytest.raises(RegistryError, match=r"wrong.toml: budgets.quick.epoch: unknown key"):
        read_suite("wrong")


@pytest.mark.parametrize(("name", "budgets"), [("open", ["quick", "full"]), ("clinical", ["clinical-quick", "paper"])])
def test_the_suites_of_the_package(name, budgets) -> None:
    suite = read_suite(name)
    assert list(suite.budgets) == budgets
    assert {each.task for each in suite.sets} == {"ner", "relation", "nli", "classification"}
    assert len(suite.sets) >= (8 if name == "open" else 6)
    assert suite.choose(("icn",))[0].task == "classification"
    with pytest.raises(UnknownName):
        suite.budget("slow")


def answers(right: int, wrong: int) -> Outcomes:
    return Outcomes.of([count_labels("a", "a")] * right + [count_labels("a", "b")] * wrong)


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


def test_compare_says_when_there_is_no_evidence(tmp_path) -> None:
    def file(name: str, dataset: str, found: Outcomes, data: str = "1", protocol: str = "quick") -> None:
        runs = [{"split": "test", "seed": 1, "outcomes": pack(found), "data_sha256": {"test": data}}]
        add_run(tmp_path, Results(name, dataset, protocol, "classification", "accuracy", runs))

    file("one", "alike", answers(9, 1))
    file("two", "alike", answers(9, 1))
    file("one", "better", answers(90, 10))
    file("two", "better", answers(60, 40))
    file("one", "alone", answers(9, 1))
    printed = run("one", "two", "--compare", "--results", tmp_path).splitlines()
    assert len(printed) == 3
    assert "difference +0.000 (+0.000 to +0.000), p = 1.000; no evidence of a difference" in printed[0]
    assert printed[1].startswith("better: accuracy 0.900 and 0.600, difference +0.300")
    assert "no evidence" not in printed[1]
    assert printed[2].startswith("mean difference of 2: +0.150 (+0.1")
    assert "takes two checkpoints" in run("one", "--compare", "--results", tmp_path, code=2)
    with pytest.raises(DataError, match="no data set that both have 'full' results for"):
        compare_results("one", "two", folder=tmp_path, protocol="full")
    file("two", "better", answers(60, 40), data="2")
    with pytest.raises(NlpieError, match="better: one and two were scored on different test splits"):
        compare_results("one", "two", folder=tmp_path, protocol="quick")


def test_runs_that_end_together_are_all_filed(tmp_path) -> None:
    def file(seed: int) -> None:
        add_run(tmp_path, Results("one", "set", "quick", "ner", "f1", [{"split": "test", "seed": seed}]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(file, range(40)))
    [found] = find_results(tmp_path)
    assert [run["seed"] for run in found.runs] == list(range(40))


def test_outcomes_of_other_labels_are_put_side_by_side() -> None:
    found = Outcomes.of([count_labels("b", "c")]).with_labels({"a", "b", "c"})
    assert found.labels == ("a", "b", "c")
    np.testing.assert_array_equal(found.counts[0], [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]])
