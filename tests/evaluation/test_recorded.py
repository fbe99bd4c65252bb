"""Scores beside a recorded output: by hand on two notes, and those that are stored."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.evaluation.benchmarks import Benchmark, find_benchmark
from nlpie_models.evaluation.benchmarks.recorded import FOLDER, READ, WHOLE, measure
from nlpie_models.evaluation.report import recorded_table
from nlpie_models.evaluation.results import read_record
from nlpie_models.registry import default_checkpoint

ROOT = Path(__file__).parents[2]
NAME = "clinical-distilbert-i2b2-2010 (recorded)"
NOTE = "Some mild pain in the knee. The pain was treated with aspirin. An MRI was normal."


def span(found: str, label: str) -> dict:
    start = NOTE.index(found)
    return {"start": start, "end": start + len(found), "label": label}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder of two notes; the recorded run read two sentences of the first, and nothing of the second."""
    shutil.copy(FOLDER / "recorded.toml", tmp_path)
    gold = [span("mild pain in the knee", "problem"), span("pain was", "problem"), span("aspirin", "treatment")]
    rows = [{"id": "one", "text": NOTE, "entities": [*gold, span("MRI", "test")]}]
    rows.append({"id": "two", "text": "Fever.", "entities": [{"start": 0, "end": 5, "label": "problem"}]})
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recorded = [
        span("Some mild pain in the knee", "problem"),
        span("The pain", "problem"),
        span("aspirin", "treatment"),
    ]
    write_spans(tmp_path, [{"document": "one", **found} for found in recorded])
    return tmp_path


def write_spans(folder: Path, rows: list[dict]) -> None:
    path = folder / "clinical-distilbert-i2b2-2010.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


def test_by_hand(folder) -> None:
    found = measure([], ["nlpie"], folder)
    whole, read = (found.results[f"{NAME}, {part}"] for part in (WHOLE, READ))
    # "Some" and "The" are taken off: two of the three are gold entities, and the third overlaps with one.
    assert (whole["predicted"], whole["gold"]) == (3, 5)
    assert (whole["precision"], whole["recall"], whole["f1"]) == (0.6667, 0.4, 0.5)
    assert (whole["overlap_precision"], whole["overlap_recall"]) == (1.0, 0.6)
    assert (read["predicted"], read["gold"]) == (3, 3)
    assert read["precision"] == read["recall"] == read["f1"] == 0.6667
    assert read["overlap_f1"] == 1.0
    assert whole["low"] <= whole["f1"] <= whole["high"]
    assert (found.settings["documents"], found.settings["recorded_spans"]) == (2, 3)


def test_a_checkpoint_is_scored_on_the_same_part(folder, ner_folder) -> None:
    found = measure([ner_folder], ["nlpie"], folder)
    assert found.settings["outputs"] == [NAME, "ner"]
    assert list(found.settings["weights_sha256"]) == ["ner"]
    assert [found.results[f"ner, {part}"]["gold"] for part in (WHOLE, READ)] == [5, 3]
    table = recorded_table([found]).splitlines()
    assert len(table) == 4
    assert table[2].startswith(f"| {NAME} | 0.500 (")
    assert table[3].startswith("| ner | 0.")


def test_what_cannot_be_scored(folder, ner_folder) -> None:
    with pytest.raises(NlpieError, match="two checkpoints are called ner; score one of them"):
        measure([ner_folder, ner_folder], ["nlpie"], folder)
    write_spans(folder, [{"document": "three", "start": 0, "end": 1, "label": "problem"}])
    with pytest.raises(DataError, match="a span of the document 'three', which is not among the notes"):
        measure([], ["nlpie"], folder)


def test_the_recorded_output_scores_what_is_stored() -> None:
    [stored] = find_benchmark(ROOT / "model_cards" / "results", "recorded")
    found = measure([], ["nlpie"])
    assert found.results == {name: scores for name, scores in stored.results.items() if name.startswith(NAME)}
    assert [found.results[f"{NAME}, {part}"]["f1"] for part in (READ, WHOLE)] == [0.632, 0.3736]
    assert stored.settings["data_sha256"] == found.settings["data_sha256"]


def test_what_is_stored_is_of_the_default() -> None:
    default = default_checkpoint()
    [stored] = find_benchmark(ROOT / "model_cards" / "results", "recorded")
    again = "run `nlpie benchmark recorded -o model_cards/benchmarks/recorded.json`, `nlpie report`, `nlpie card --all`"
    assert stored.settings["weights_sha256"] == {default.name: default.weights.sha256}, again


def test_the_command_writes_the_figures(ner_folder, tmp_path) -> None:
    arguments = ["benchmark", "recorded", str(ner_folder), "-o", str(tmp_path / "new.json")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert f"{NAME}, {READ}" in result.output
    assert f"ner, {WHOLE}" in result.output
    written = read_record(Benchmark, tmp_path / "new.json", "a benchmark")
    assert written.provenance.command == "nlpie benchmark recorded ner"
    assert str(tmp_path) not in (tmp_path / "new.json").read_text()
