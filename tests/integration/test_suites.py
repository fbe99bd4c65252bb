"""Suites: runs that are performed once, stops and starts, baselines, and what is refused."""

import json
import random
import shutil

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.errors import RegistryError
from nlpie_models.evaluation import suite_runs, suites
from nlpie_models.evaluation.results import find_results, read_results
from nlpie_models.evaluation.suites import read_suite

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
            "spans": [
                {"text": text, "entities": [{"start": 0, "end": len(text), "label": "problem"}]} for text in texts
            ],
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
    return {(file.checkpoint, file.dataset): [run.scores for run in file.runs] for file in find_results(folder)}


def test_an_interrupted_suite_goes_on_where_it_stopped(data, ner_folder, tmp_path, monkeypatch) -> None:
    arguments = [ner_folder, "--suite", "tiny", "--data", data, "--seed", 1]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert "ner kinds quick seed 1: macro_f1" in run(*arguments, "--results", whole)
    calls = []

    def run_one_and_stop(planned, folder):
        calls.append(planned.dataset.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(planned, folder)

    original = suite_runs.perform
    with monkeypatch.context() as patch:
        patch.setattr(suite_runs, "perform", run_one_and_stop)
        run(*arguments, "--results", stopped, code=1)
    assert [file.dataset for file in find_results(stopped)] == ["kinds"]
    assert "1 of 2 are finished already" in run(*arguments, "--results", stopped)
    assert scores(stopped) == scores(whole)
    assert "2 of 2 are finished already" in run(*arguments, "--results", stopped)
    [finished] = read_results(stopped / "ner" / "kinds.quick.json").runs
    assert finished.training["learning_rate"] == 5e-3
    assert (
        finished.provenance.command == "nlpie evaluate ner --suite tiny --budget quick --seed 1 --data DATA --set kinds"
    )
    assert set(finished.data_sha256) == {"train", "validation", "test"}
    assert len(finished.start_sha256) == 64

    (data / "kinds" / "test.jsonl").write_text((data / "kinds" / "validation.jsonl").read_text())
    assert "1 of 2 are finished already" in run(*arguments, "--results", stopped)


def test_another_config_is_another_run(data, ner_folder, tmp_path) -> None:
    start = shutil.copytree(ner_folder, tmp_path / "start")
    planned = suite_runs.SuiteRun("start", str(start), data / "kinds", read_suite("tiny").sets[0], "quick")
    before = planned.key()
    config = json.loads((start / "config.json").read_text())
    (start / "config.json").write_text(json.dumps(config, sort_keys=True))
    assert planned.key() == before
    (start / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.5}))
    assert planned.key() != before


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
