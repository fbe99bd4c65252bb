"""Continual learning by command line: on one process and on two, with a new head, replay, and bad corpora."""

import json
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from nlpie_models import load_clinical
from nlpie_models.cli import main
from nlpie_models.data.demo import DEMO_NOTES
from nlpie_models.registry import read_checkpoint

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
        DEMO_NOTES,
        "--replay-share",
        0.25,
    ]
    printed = run(*arguments(ner_folder, notes, output, *more))
    assert "perplexity" in printed
    assert "same" in (tmp_path / "model.runs" / "loss.svg").read_text()
    head, whole = record_of(tmp_path / "model.head"), record_of(output)
    assert set(whole["perplexity"]) >= {"corpus", "same"}
    assert whole["perplexity"]["corpus"] < head["perplexity"]["corpus"]
    assert load_clinical(output, "fill-mask", device="cpu")("the patient has [MASK]").masks
    assert "exists already" in run(*arguments(ner_folder, notes, output), code=1)


def test_an_anchor_keeps_the_sentence_vectors(ner_folder, notes, tmp_path) -> None:
    run(*arguments(ner_folder, notes, tmp_path / "free", "--steps", 40))
    run(*arguments(ner_folder, notes, tmp_path / "anchored", "--steps", 40, "--anchor", ner_folder))
    assert record_of(tmp_path / "anchored")["anchor"] == ner_folder.name
    free, anchored, start = (
        np.stack([found.embedding for found in load_clinical(folder, "embedding", device="cpu")(TEXTS)])
        for folder in (tmp_path / "free", tmp_path / "anchored", ner_folder)
    )
    cosines = [
        np.sum(vectors * start, axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(start, axis=1)
        for vectors in (free, anchored)
    ]
    assert (cosines[1] > cosines[0]).all()


def test_what_an_earlier_run_left_is_not_taken_up_unasked(mlm_folder, ner_folder, notes, tmp_path) -> None:
    output = tmp_path / "model"
    run(*arguments(ner_folder, notes, output, "--head-steps", 4))
    shutil.rmtree(output)
    message = f"{output}.runs is there from an earlier run; go on with it by --resume, or remove it"
    assert message in run(*arguments(mlm_folder, notes, output), code=1)
    shutil.rmtree(tmp_path / "model.runs")
    run(*arguments(mlm_folder, notes, output))
    run(*arguments(mlm_folder, notes, tmp_path / "fresh"))
    one, other = (load_file(folder / "model.safetensors") for folder in (output, tmp_path / "fresh"))
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--replay-share", 0.2], "expected corpora to replay with a share over 0"),
        (["--held-out", "nothing"], "expected NAME=PATH"),
        (["--held-out", "corpus=x"], "expected every --held-out under another name, and not corpus or replay"),
        (["--held-out", "same=x"], "which are held out of the corpora; got same"),
        (["--batch", 0], "'--batch': 0 is not in the range x>=1"),
        (["--kind", "pubmet"], "Unknown corpus 'pubmet'. Did you mean 'pubmed'"),
    ],
)
def test_what_cannot_be(mlm_folder, notes, tmp_path, more, message) -> None:
    result = CliRunner().invoke(main, ["train", "continue", *arguments(mlm_folder, notes, tmp_path / "x", *more)])
    assert result.exit_code
    assert message in result.output
    assert not (tmp_path / "x").exists()


def test_without_a_start() -> None:
    assert "Missing option '--start'" in run("--corpus", "x", "--output", "y", code=2)


RECIPE = """
name = "tiny-clinical"
summary = "tiny"
status = "planned"
licence = "mit"
[architecture]
model_type = "bert"
layers = 2
hidden = 32
embedding = 32
heads = 4
feed_forward = 37
vocabulary = 126
cased = false
[recipe]
kind = "continual"
data = "tiny notes"
start = {start}
held_out = {{ other = "others.jsonl" }}
[recipe.arguments]
learning_rate = 5e-3
batch = 4
epochs = 2
block = 32
pack = true
[[recipe.corpora]]
path = "notes.jsonl"
where = {{ kind = ["note"] }}
copies = 2
"""


def use_row(monkeypatch, toml: Path) -> None:
    """Let the command line find the row of a TOML under every name."""
    for module in ("train", "training_options"):
        monkeypatch.setattr(
            import_module(f"nlpie_models.cli.{module}"), "get_checkpoint", lambda name: read_checkpoint(toml)
        )


def test_a_recipe_of_the_registry(mlm_folder, notes, tmp_path, monkeypatch) -> None:
    rows = [{"text": f"{TEXTS[n % 3]} {n}", "kind": ("note", "letter")[n % 2]} for n in range(60)]
    (tmp_path / "notes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "others.jsonl").write_text(json.dumps({"text": TEXTS[0]}))
    toml = tmp_path / "tiny-clinical.toml"
    toml.write_text(RECIPE.format(start=json.dumps(str(mlm_folder))))
    use_row(monkeypatch, toml)
    given = ["tiny-clinical", "--output", tmp_path / "model", "--float32"]
    assert "holds notes.jsonl" in run(*given, code=2)
    printed = run(*given, "--data", tmp_path, "--batch", 2, "--held-out-share", 0.2)
    assert "on held-out other" in printed
    found = record_of(tmp_path / "model")["arguments"]
    assert (found["learning_rate"], found["batch"]) == (5e-3, 2)
    receipts = [json.loads(path.read_text()) for path in (tmp_path / "model.corpus").glob("*/receipt.json")]
    [first] = [receipt for receipt in receipts if receipt["documents"]["read"] == 60]
    assert first["skipped"]["not among those that were asked for"]["count"] == 30
    assert found["steps"] == round(2 * 2 * first["blocks"]["train"] / 2)


def test_a_checkpoint_that_was_not_made_so() -> None:
    assert "open-notes was made otherwise; give --start and --corpus in its place" in run(
        "open-notes", "--output", "y", code=2
    )
