"""Distillation by command line: the whole chain with a kill in the middle, recipes, and pairs that cannot be."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from transformers import BertForMaskedLM, BertForPreTraining

from nlpie_models.cli import main
from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.loading.models import load_model
from nlpie_models.registry import read_checkpoint

ROOT = Path(__file__).parents[2]
TEXTS = ["the patient has chest pain and fever .", "no aspirin was given for a ct scan .", "the patient denies pain ."]
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
TINY = ["--student", "new", "-S", "layers=1", "-S", "hidden=16", "-S", "heads=2", "-S", "feed_forward=16"]


@pytest.fixture
def notes(tmp_path) -> Path:
    path = tmp_path / "notes.jsonl"
    rows = [{"text": " ".join(TEXTS[(n + k) % 3] for k in range(n % 4 + 1)) + f" {n}"} for n in range(80)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def arguments(teacher: Path, notes: Path, output: Path, *more: object) -> list[str]:
    fixed = ["--teacher", teacher, "--corpus", notes, "--output", output, "--block", 32, "--batch", 8, "--steps", 4]
    fixed += ["--evaluate-every", 2, "--learning-rate", 5e-3, "--float32", "--held-out-share", 0.2]
    return ["train", "distill", *map(str, [*fixed, *more])]


def run(given: list[str], code: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, given)))
    assert result.exit_code == code, result.output
    return result.output


def fine_tune(start: Path, data: Path, output: Path, *more: object) -> None:
    given = ["--start", start, "--data", data, "--output", output, "--window", 32, "--epochs", 1, *more]
    run(["train", "finetune", *map(str, given)])


def record_of(folder: Path) -> dict:
    return json.loads((folder / "distillation.json").read_text())


def test_distil_kill_resume_fine_tune_annotate(mlm_folder, notes, tmp_path) -> None:
    more = [*TINY, "--objective", "tinybert", "--steps", 120, "--evaluate-every", 10, "--store", tmp_path / "store"]
    run(arguments(mlm_folder, notes, tmp_path / "whole", *more))

    cut = tmp_path / "cut"
    given = arguments(mlm_folder, notes, cut, *more)
    process = subprocess.Popen([sys.executable, "-m", "nlpie_models", *given], env=ENVIRONMENT, stderr=subprocess.PIPE)
    state = tmp_path / "cut.runs" / "checkpoint-10" / "trainer_state.json"
    while not state.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()
    assert not cut.exists()

    printed = run([*given, "--resume"])
    assert "perplexity" in printed
    whole, resumed = record_of(tmp_path / "whole"), record_of(cut)
    assert resumed["history"][-1] == whole["history"][-1] | {
        key: value for key, value in resumed["history"][-1].items() if key.endswith(("_runtime", "_per_second"))
    }
    weights = [load_file(folder / "model.safetensors") for folder in (tmp_path / "whole", cut)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    assert {file.name for file in cut.iterdir()} >= {"config.json", "tokenizer.json", "distillation.json"}
    assert type(load_model(LocalCheckpoint(cut), "AutoModelForMaskedLM")) is BertForMaskedLM

    data = tmp_path / "data"
    data.mkdir()
    rows = [{"text": TEXTS[0], "entities": [{"start": 16, "end": 26, "label": "problem"}]}] * 8
    for split in ("train", "validation"):
        (data / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    fine_tune(mlm_folder, data, tmp_path / "teacher")
    fine_tune(cut, data, tmp_path / "ner", "--teacher", tmp_path / "teacher", "--objective", "task")
    assert json.loads((tmp_path / "ner" / "finetuning.json").read_text())["teacher"] == "teacher"
    note = tmp_path / "note.txt"
    note.write_text(TEXTS[0])
    run(["annotate", note, "-c", tmp_path / "ner", "-o", tmp_path / "out.jsonl"])
    [row] = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert row["coverage"]["characters"] == len(TEXTS[0])


RECIPE = """
name = "tiny-student"
summary = "tiny"
status = "planned"
licence = "mit"
[architecture]
model_type = "minialbert"
layers = 2
hidden = 32
embedding = 8
heads = 2
feed_forward = 48
vocabulary = 126
cased = false
[recipe]
kind = "distillation"
data = "tiny notes"
teacher = {teacher}
[recipe.arguments]
objective = "layerwise"
student = "minialbert"
learning_rate = 5e-3
batch = 4
steps = 2
block = 32
[recipe.arguments.student_options]
embedding = 8
reduction_factor = 4
[recipe.arguments.objective_options]
attention = 1.5
[[recipe.corpora]]
path = "notes.jsonl"
"""


def use_row(monkeypatch, toml: Path) -> None:
    """Let the command line find the row of a TOML under every name."""
    for module in ("train", "training_options"):
        monkeypatch.setattr(
            import_module(f"nlpie_models.cli.{module}"), "get_checkpoint", lambda name: read_checkpoint(toml)
        )


def test_a_recipe_of_the_registry(mlm_folder, notes, tmp_path, monkeypatch) -> None:
    toml = tmp_path / "tiny-student.toml"
    toml.write_text(RECIPE.format(teacher=json.dumps(str(mlm_folder))))
    use_row(monkeypatch, toml)
    given = ["train", "distill", "tiny-student", "--output", tmp_path / "model", "--float32"]
    assert "holds notes.jsonl" in run(given, code=2)
    run([*given, "--data", notes.parent, "--held-out-share", 0.2, "--batch", 2])
    record = record_of(tmp_path / "model")
    assert record["arguments"]["batch"] == 2
    assert record["arguments"]["steps"] == 2
    assert record["objective"]["weights"]["attention"] == 1.5
    config = LocalCheckpoint(tmp_path / "model").config
    assert (config["model_type"], config["embedding_size"], config["num_hidden_layers"]) == ("minialbert", 8, 2)


def test_a_student_or_objective_in_the_place_of_a_recipe_s(mlm_folder, notes, tmp_path, monkeypatch) -> None:
    toml = tmp_path / "tiny-student.toml"
    toml.write_text(RECIPE.format(teacher=json.dumps(str(mlm_folder))))
    use_row(monkeypatch, toml)
    given = ["train", "distill", "tiny-student", "--data", notes.parent, "--held-out-share", 0.2, "--float32"]
    run([*given, "--output", tmp_path / "first"])
    more = ["--student", tmp_path / "first", "--objective", "sentence", "-O", "mean=1"]
    run([*given, *more, "--output", tmp_path / "second"])
    record = record_of(tmp_path / "second")
    assert record["student"] == {"form": "first"}
    assert record["objective"]["weights"] == {"mlm": 1.0, "mean": 1, "first": 5.0, "summary": 0.0}


def test_epochs_win_over_a_recipe_s_steps_and_the_rate_must_fall_again(
    mlm_folder, notes, tmp_path, monkeypatch
) -> None:
    toml = tmp_path / "tiny-student.toml"
    toml.write_text(RECIPE.format(teacher=json.dumps(str(mlm_folder))))
    use_row(monkeypatch, toml)
    given = ["train", "distill", "tiny-student", "--data", notes.parent, "--held-out-share", 0.2, "--float32"]
    run([*given, "--epochs", 0.5, "--output", tmp_path / "half"])
    steps = record_of(tmp_path / "half")["arguments"]["steps"]
    assert steps > 2
    printed = run([*given, "--warmup-steps", 2, "--output", tmp_path / "x"], code=1)
    assert "expected warmup steps of fewer than the 2 steps of the run, got 2" in printed


@pytest.mark.parametrize("script", ["distill", "continue_pretraining"])
def test_a_recipe_says_in_one_line_what_is_wrong(script) -> None:
    command = [sys.executable, Path("recipes", f"{script}.py"), "tiny-65m", "--corpus", "x", "--output", "y"]
    said = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("Error: Unknown checkpoint 'tiny-65m'.")
    assert len(said.stderr.splitlines()) == 1


@pytest.fixture
def other_words(mlm_folder, tokenizer, bert_config, tmp_path) -> Path:
    """Return a masked language model like the teacher, with one piece more."""
    folder = tmp_path / "other"
    more = copy.deepcopy(tokenizer)
    more.add_tokens(["metformin"])
    config = copy.deepcopy(bert_config)
    config.vocab_size = len(more)
    BertForMaskedLM(config).save_pretrained(folder)
    more.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--student", "{other}", "--objective", "distilbert"], "have different tokenizers: they differ in number of"),
        ([*TINY, "--objective", "distilbert"], "has hidden_size 16 and the teacher (bert"),
        ([*TINY, "-S", "heads=4", "--objective", "tinybert"], "has num_attention_heads 4 and the teacher (bert"),
        ([*TINY, "-S", "layers=3", "--objective", "tinybert"], "has 3 layers and the teacher (bert"),
        (["--teacher", "{ner}", *TINY, "--objective", "tinybert"], "says, and {ner} has none"),
        ([*TINY, "--objective", "tinybret"], "Did you mean 'tinybert'?"),
        ([*TINY, "--objective", "tinybert", "-O", "mlm=1"], "objective tinybert has no option 'mlm'"),
        ([*TINY, "--objective", "minilm", "-O", "mlm=0"], "does not train the student's language-model head"),
        (["--student", "layers", "-S", "every=3", "--objective", "minilm"], "cannot make a student of {teacher}"),
        (["--student", "{teacher}", "-S", "every=2", "--objective", "minilm"], "options are for the student forms"),
        ([*TINY, "--objective", "minilm", "--block", "1000"], "tokens at most; got a --block of 1000"),
        (
            [*TINY, "-S", "architecture=distilbert", "--objective", "minilm"],
            "distilbert has no intermediate_size to choose",
        ),
    ],
    ids=lambda value: None if isinstance(value, list) else value[:40],
)
def test_wrong_pairs_are_refused_before_the_first_step(
    mlm_folder, ner_folder, other_words, notes, tmp_path, more, message
) -> None:
    places = {"other": other_words, "ner": ner_folder, "teacher": mlm_folder}
    more = [word.format(**places) for word in more]
    printed = run(arguments(mlm_folder, notes, tmp_path / "x", *more), code=1)
    assert message.format(**places) in printed
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "x.runs").exists()


def test_what_is_missing() -> None:
    assert "Missing option '--teacher'" in run(["train", "distill", "--output", "y"], code=2)
    assert "open-notes was made otherwise; give --teacher" in run(
        ["train", "distill", "open-notes", "--output", "y"], code=2
    )


@pytest.mark.parametrize(
    ("student", "objective"),
    [
        (["layers", "-S", "every=2"], "distilbert"),
        (["pruned", "-S", "layers=[1]", "-S", "hidden=16", "-S", "feed_forward=24"], "minilm"),
    ],
    ids=["layers", "pruned"],
)
def test_a_teacher_with_bert_s_next_sentence_head(bert_config, tokenizer, notes, tmp_path, student, objective) -> None:
    BertForPreTraining(bert_config).save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    run(arguments(tmp_path / "teacher", notes, tmp_path / "x", "--student", *student, "--objective", objective))
    assert record_of(tmp_path / "x")["objective"]["name"] == objective
    assert load_model(LocalCheckpoint(tmp_path / "x"), "AutoModelForMaskedLM").config.num_hidden_layers == 1
