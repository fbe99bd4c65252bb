"""``nlpie benchmark`` as users run it, and the stored figures."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.evaluation.benchmarks import Benchmark, annotate
from nlpie_models.evaluation.benchmarks._fresh import FreshProcess
from nlpie_models.evaluation.results import read_record


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["benchmark", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def notes(tmp_path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("The patient has chest pain and fever.\n" * (1 + 8 * number))
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--task", "relation"], 1, "relation needs text and head and tail and entities, and notes have only text"),
        (["--task", "nerr"], 1, "Unknown task 'nerr'. Did you mean 'ner'?"),
        (["--task", "classification"], 1, "has no classification head"),
        (["--notes", "absent/"], 1, "nothing to read at 'absent/'"),
        (["--name", "a/b"], 2, "--name is for a file and cannot be a path"),
        (["--rounds", "0"], 2, "0 is not in the range x>=1"),
    ],
)
def test_what_cannot_be_measured(ner_folder, tmp_path, arguments, code, message) -> None:
    assert message in run("efficiency", ner_folder, "--results", tmp_path / "results", *arguments, code=code)
    assert not (tmp_path / "efficiency").exists()


ROOT = Path(__file__).parents[2]
STORED = ROOT / "model_cards" / "benchmarks"


def test_stored_figures_are_those_of_benchmarks() -> None:
    stored = {path.stem: read_record(Benchmark, path, "a benchmark") for path in STORED.glob("*.json")}
    assert stored.keys() == {"annotate", "assertion", "corpus", "distillation", "pretraining", "recorded"}
    for name, found in stored.items():
        assert found.results
        assert found.provenance.command.startswith(f"nlpie benchmark {name}")


def test_the_assertion_rules_score_what_is_stored(tmp_path) -> None:
    mentions = ROOT / "tests" / "reference" / "assertion" / "mentions.jsonl"
    output = run("assertion", mentions, "-o", tmp_path / "new.json")
    new, stored = (
        read_record(Benchmark, folder, "a benchmark") for folder in (tmp_path / "new.json", STORED / "assertion.json")
    )
    assert new.settings == stored.settings
    assert {**new.results, "1 MB of text": {}} == {**stored.results, "1 MB of text": {}}
    assert "natural mentions, negated" in output


def test_annotating_beside_transformers(notes, tmp_path, monkeypatch) -> None:
    started = []

    def run_fresh(request, texts):
        started.append(request.get("load", {}).get("engine", "theirs"))
        return FreshProcess(2.0, 3 * 10**8)

    monkeypatch.setattr(annotate, "run_fresh", run_fresh)
    monkeypatch.setattr(annotate, "_time_bert_base", lambda pipe, texts, theirs: {"notes": len(texts)})
    output = run("annotate", notes, "--rounds", 1, "-o", tmp_path / "new.json")
    new = read_record(Benchmark, tmp_path / "new.json", "a benchmark")
    assert (new.settings["notes"], new.settings["checkpoint"]) == (3, "open-notes")
    assert new.provenance.command == "nlpie benchmark annotate NOTES --rounds 1"
    engines = [name for name in new.results if "transformers" not in name]
    assert {"onnx", "torch"} <= set(engines)
    assert all(new.results[name]["same_entities"] == 1.0 for name in engines)
    theirs = [new.results[f"transformers, batch {size}"]["times_transformers"] for size in (1, 8)]
    assert max(theirs) == 1.0
    assert sorted(started) == sorted([*engines, "theirs", "theirs"] * 3)
    assert new.results["onnx"]["cold_start_peak_megabytes"] == 300
    assert "transformers, batch 8" in output
