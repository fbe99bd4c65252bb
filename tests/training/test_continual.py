"""Continual learning by command line: on one process and on two, with a new head, replay, and bad corpora."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import load_clinical
from nlpie_models.cli import main

ROOT = Path(__file__).parents[2]
TEXTS = ["the patient has chest pain and fever .", "no aspirin was given for a ct scan .", "the patient denies pain ."]


@pytest.fixture
def notes(tmp_path) -> Path:
    path = tmp_path / "notes.jsonl"
    rows = [
        {"id": str(n), "text": " ".join(TEXTS[(n + k) % 3] for k in range(n % 4 + 1)) + f" {n}"} for n in range(120)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def arguments(start: Path, notes: Path, output: Path, *more: object) -> list[str]:
    fixed = ["--start", start, "--corpus", notes, "--output", output, "--block", 32, "--batch", 8, "--steps", 8]
    fixed += ["--evaluate-every", 4, "--learning-rate", 5e-3, "--float32", "--held-out", f"same={notes}"]
    fixed += ["--held-out-share", 0.2]
    return list(map(str, [*fixed, *more]))


def run(*given: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["train", "continue", *map(str, given)])
    assert result.exit_code == code, result.output
    return result.output


def record_of(folder: Path) -> dict:
    return json.loads((folder / "pretraining.json").read_text())


def test_a_new_head_then_the_whole_model_with_replay(ner_folder, notes, tmp_path) -> None:
    output = tmp_path / "model"
    more = [
        "--head-steps",
        4,
        "--steps",
        60,
        "--whole-words",
        "--replay",
        ROOT / "examples" / "notes",
        "--replay-share",
        0.25,
    ]
    printed = run(*arguments(ner_folder, notes, output, *more))
    assert "perplexity" in printed
    head, whole = record_of(tmp_path / "model.head"), record_of(output)
    assert set(whole["perplexity"]) >= {"corpus", "same"}
    assert whole["perplexity"]["corpus"] < head["perplexity"]["corpus"]
    assert load_clinical(output, "fill-mask", device="cpu")("the patient has [MASK]").masks
    assert "exists already" in run(*arguments(ner_folder, notes, output), code=1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--replay-share", 0.2], "expected corpora to replay with a share over 0"),
        (["--held-out", "nothing"], "expected NAME=PATH"),
        (["--kind", "pubmet"], "Unknown corpus 'pubmet'. Did you mean 'pubmed'"),
    ],
)
def test_what_cannot_be(mlm_folder, notes, tmp_path, more, message) -> None:
    result = CliRunner().invoke(main, ["train", "continue", *arguments(mlm_folder, notes, tmp_path / "x", *more)])
    assert result.exit_code
    assert message in result.output
    assert not (tmp_path / "x").exists()


def test_without_a_start() -> None:
    assert "--start is missing" in run("--corpus", "x", "--output", "y", code=2)
