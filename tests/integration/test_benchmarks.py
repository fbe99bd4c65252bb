"""Benchmarks that start processes or train, on tiny models."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.errors import NlpieError
from nlpie_models.evaluation.benchmarks import efficiency
from nlpie_models.evaluation.benchmarks._fresh import run_fresh
from nlpie_models.util.process import peak_memory


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.jsonl"
    texts = (
        f"the patient {number} has chest pain and fever . no aspirin was given for a ct scan . " * 4
        for number in range(99)
    )
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    return path


@pytest.fixture
def note_files(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("The patient has chest pain and fever.\n" * (1 + 8 * number))
    return folder


def print_of(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["benchmark", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def run(*arguments: object) -> dict:
    print_of(*arguments)
    return json.loads(arguments[-1].read_text())


def test_preparing_a_corpus(notes, mlm_folder, tmp_path) -> None:
    measured = run("corpus", notes, "--megabytes", 1, "-c", mlm_folder, "-o", tmp_path / "corpus.json")
    assert measured["results"]["1 MB"]["documents"]["read"] > 1000
    assert measured["results"]["1 MB"]["peak_megabytes"] > measured["results"]["1 MB"]["of_those_before"] > 0


def test_training_beside_bare_loops(notes, mlm_folder, tmp_path) -> None:
    options = ["--batch", 2, "--steps", 3, "--rounds", 1, "-c", mlm_folder, "-o", tmp_path / "pretraining.json"]
    measured = run("pretraining", notes, *options)
    assert set(measured["results"]) == {"the recipe", "bare loop", "bare loop, logits of masked tokens only"}
    assert measured["results"]["the recipe"]["recipe_is_times_this"] == 1.0


def test_distilling_beside_the_published_way(notes, mlm_folder, tmp_path) -> None:
    options = ["--batch", 2, "--steps", 3, "--rounds", 1, "--objective", "distilbert", "--teacher", mlm_folder]
    measured = run("distillation", notes, *options, "-o", tmp_path / "distillation.json")
    ours, published = (measured["results"][f"distilbert, {way}"] for way in ("ours", "published way"))
    assert ours["first_loss"] == pytest.approx(published["first_loss"], rel=1e-4)
    assert published["times_the_published_speed"] == 1.0


def test_efficiency_writes_every_figure_and_shows_them(note_files, ner_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(efficiency, "_COLD_STARTS", 1)
    results = tmp_path / "results"
    output = print_of(
        "efficiency", ner_folder, "--notes", note_files, "--name", "tiny", "--rounds", 1, "--results", results
    )
    assert [path.name for path in tmp_path.glob("efficiency/*")] == ["tiny.json"]
    text = (tmp_path / "efficiency" / "tiny.json").read_text()
    assert str(tmp_path) not in text
    assert str(ner_folder) not in text
    measured = json.loads(text)
    assert (measured.pop("checkpoint"), measured.pop("task"), measured["notes"]) == ("tiny", "ner", 3)
    assert [measured.pop(f"base_{kind}_bytes") for kind in ("weight", "folder")] == [None, None]
    made = measured.pop("provenance")
    assert (
        made["command"] == "nlpie benchmark efficiency ner -t ner --notes NOTES --rounds 1 --engine torch --device cpu"
    )
    assert len(measured) == 17
    assert all(value > 0 for value in measured.values())
    assert measured["peak_bytes"] > measured["import_peak_bytes"]
    assert measured["latency_p95_ms"] >= measured["latency_p50_ms"]
    labels = ["parameters", "disk", "MACs", "cold start", "one by one", "batched", "peak memory"]
    assert [line[2:14].strip() for line in output.splitlines() if line.startswith("  ")] == labels
    assert f"tiny  ner, 3 notes with {measured['tokens']} tokens, cpu" in output


def test_memory_of_a_fresh_process_is_its_own(ner_folder) -> None:
    held = np.ones(60_000_000)
    imported = run_fresh({}, [])
    assert imported.seconds > 0
    assert 0 < imported.peak_bytes < peak_memory() - held.nbytes / 2


def test_a_fresh_process_that_fails(tmp_path) -> None:
    with pytest.raises(NlpieError, match=r"a fresh process could not annotate: .* is not a checkpoint folder"):
        run_fresh({"load": {"name": str(tmp_path), "task": "ner"}}, ["No fever."])
