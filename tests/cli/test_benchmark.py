"""``nlpie benchmark`` as users run it, fresh processes included."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.evaluation import efficiency


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


def test_writes_every_figure_and_shows_them(notes, ner_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(efficiency, "_COLD_STARTS", 1)
    results = tmp_path / "efficiency"
    output = run(ner_folder, "--notes", notes, "--name", "tiny", "--rounds", 1, "--results", results)
    assert [path.name for path in results.iterdir()] == ["tiny.json"]
    text = (results / "tiny.json").read_text()
    assert str(tmp_path) not in text
    assert str(ner_folder) not in text
    measured = json.loads(text)
    assert (measured.pop("checkpoint"), measured.pop("task"), measured["notes"]) == ("tiny", "ner", 3)
    assert [measured.pop(f"base_{kind}_bytes") for kind in ("weight", "folder")] == [None, None]
    made = measured.pop("provenance")
    assert made["command"] == "nlpie benchmark ner -t ner --notes NOTES --rounds 1 --device cpu"
    assert len(measured) == 17
    assert all(value > 0 for value in measured.values())
    assert measured["peak_bytes"] > measured["import_peak_bytes"]
    assert measured["latency_p95_ms"] >= measured["latency_p50_ms"]
    labels = ["parameters", "disk", "MACs", "cold start", "one by one", "batched", "peak memory"]
    assert [line[2:14].strip() for line in output.splitlines() if line.startswith("  ")] == labels
    assert f"tiny  ner, 3 notes with {measured['tokens']} tokens, cpu" in output


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
    assert message in run(ner_folder, "--results", tmp_path / "efficiency", *arguments, code=code)
    assert not (tmp_path / "efficiency").exists()


def test_outside_a_checkout_notes_must_be_given(ner_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules["nlpie_models.cli.benchmark"], "EXAMPLES", tmp_path / "absent")
    assert "--notes is missing" in run(ner_folder, code=2)
