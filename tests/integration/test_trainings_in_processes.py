"""Two processes (gloo) train as one with the same batch does; a run that was killed continues unchanged."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from integration.distil_and_keep import distil_and_keep
from safetensors.torch import load_file
from transformers import BertModel

from nlpie_models.cli.train import continue_command, finetune_command
from nlpie_models.data.demo import DEMO_NOTES

ROOT = Path(__file__).parents[2]
TWO = [
    "-m",
    "accelerate.commands.launch",
    "--config_file",
    str(ROOT / "recipes" / "accelerate" / "two-cpu-processes.yaml"),
]
TEXTS = ["the patient has chest pain and fever", "no aspirin was given for a ct scan", "the patient denies pain"]


def without_dropout(folder: Path, copy: Path) -> Path:
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    config = json.loads((copy / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (copy / "config.json").write_text(json.dumps(config))
    return copy


ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
SETS = os.environ.get("NLPIE_DATA")
NOTES = ["--corpus", str(DEMO_NOTES), "--held-out-share", "0.5"]


def command(launcher: list[str], recipe: str, output: Path, *more: object) -> list[str]:
    return [sys.executable, *launcher, str(ROOT / "recipes" / recipe), "--output", str(output), *map(str, more)]


def finish(words: list[str]) -> None:
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


COMMANDS = {"continue_pretraining.py": continue_command, "finetune.py": finetune_command}


def run(launcher: list[str], recipe: str, output: Path, *more: object, record: str) -> dict:
    """Run a recipe by a launcher, or in this very process without one, and return its record."""
    if launcher:
        finish(command(launcher, recipe, output, *more))
    else:
        COMMANDS[recipe](["--output", str(output), *map(str, more)], standalone_mode=False)
    return json.loads((output / record).read_text())


@pytest.mark.parametrize("kind", ["with a head", "anchored, with a pooler"])
def test_continued_pretraining(kind, mlm_folder, bert_config, tokenizer, tmp_path) -> None:
    notes = tmp_path / "notes.jsonl"
    rows = [{"text": f"{TEXTS[n % 3]} {TEXTS[n % 2]} {n}"} for n in range(120)]
    notes.write_text("\n".join(map(json.dumps, rows)))
    given = ["--corpus", notes, "--block", 32, "--batch", 8, "--steps", 24, "--evaluate-every", 8]
    given += ["--learning-rate", 5e-3, "--float32", "--held-out-share", 0.2, "--start", tmp_path / "start"]
    if kind == "with a head":
        without_dropout(mlm_folder, tmp_path / "start")
    else:
        BertModel(bert_config).save_pretrained(tmp_path / "start")
        tokenizer.save_pretrained(tmp_path / "start")
        given += ["--anchor", tmp_path / "start", "--dropout", 0]
    one, two = (
        run(launcher, "continue_pretraining.py", tmp_path / name, *given, record="pretraining.json")
        for name, launcher in (("one", []), ("two", TWO))
    )
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["perplexity"] == pytest.approx(one["perplexity"], rel=1e-4)
    for mine, other in zip(one["history"], two["history"], strict=True):
        assert other.get("loss") == pytest.approx(mine.get("loss"), abs=1e-4)


def test_finetuning(ner_folder, tmp_path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for split, count in (("train", 40), ("validation", 13)):
        rows = [{"text": TEXTS[n % 3], "label": f"kind {n % 3}"} for n in range(count)]
        (data / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    start = without_dropout(ner_folder, tmp_path / "start")
    given = ["--task", "classification", "--start", start, "--data", data, "--window", 32, "--epochs", 2, "--batch", 8]
    one, two = (
        run(launcher, "finetune.py", tmp_path / name, *given, "--learning-rate", 1e-3, record="finetuning.json")
        for name, launcher in (("one", []), ("two", TWO))
    )
    assert (one["processes"], two["processes"]) == (1, 2)
    for mine, other in zip(one["history"], two["history"], strict=True):
        assert other.get("eval_accuracy") == pytest.approx(mine.get("eval_accuracy"))
        assert other.get("loss") == pytest.approx(mine.get("loss"), abs=1e-2)


@pytest.mark.skipif(not SETS, reason="NLPIE_DATA is not set")
def test_continued_pretraining_that_is_killed_goes_on_the_same(mlm_folder, tmp_path) -> None:
    given = [
        "open-base",
        "--data",
        SETS,
        "--start",
        mlm_folder,
        "--block",
        32,
        "--batch",
        4,
        "--steps",
        200,
        "--float32",
    ]
    given += ["--evaluate-every", 100, "--learning-rate", 5e-3, "--warmup-steps", 0, "--store", tmp_path / "store"]
    whole = run([], "continue_pretraining.py", tmp_path / "whole", *given, record="pretraining.json")
    with subprocess.Popen(
        command([], "continue_pretraining.py", tmp_path / "cut", *given), env=ENVIRONMENT, stderr=subprocess.DEVNULL
    ) as process:
        while not list((tmp_path / "cut.runs").glob("checkpoint-100/trainer_state.json")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert not (tmp_path / "cut").exists()
    resumed = run([], "continue_pretraining.py", tmp_path / "cut", *given, "--resume", record="pretraining.json")
    assert resumed["perplexity"] == pytest.approx(whole["perplexity"], rel=1e-6)
    last, expected = ([row["loss"] for row in record["history"] if "loss" in row][-1] for record in (resumed, whole))
    assert last == pytest.approx(expected, rel=1e-6)


def test_distillation(mlm_folder, tmp_path) -> None:
    teacher = without_dropout(mlm_folder, tmp_path / "teacher")
    given = ["--teacher", teacher, "--student", "layers", "-S", "layers=[0]", "--objective", "tinybert", "--steps", 3]
    given += [*NOTES, "--block", 32, "--batch", 8, "--learning-rate", 1e-3, "--float32"]
    given += ["--evaluate-every", 1]
    distil_and_keep(tmp_path / "one-kept", list(map(str, ["--output", tmp_path / "one", *given])))
    words = [
        Path(__file__).with_name("distil_and_keep.py"),
        tmp_path / "two-kept",
        "--output",
        tmp_path / "two",
        *given,
    ]
    finish([sys.executable, *TWO, *map(str, words)])
    [one], two = (sorted((tmp_path / f"{name}-kept").iterdir()) for name in ("one", "two"))
    assert len(two) == 2
    alone, first, second = map(load_file, (one, *two))
    assert {"objective.projection.weight", "student.bert.embeddings.word_embeddings.weight"} <= alone.keys()
    for name, parameter in alone.items():
        assert torch.equal(first[name], second[name]), name
        if name.endswith("key.bias"):
            continue  # the softmax takes no notice of it: its gradient is rounding alone, which Adam blows up to a step
        torch.testing.assert_close(first[name], parameter, atol=1e-4, rtol=0)
    records = [json.loads((tmp_path / name / "distillation.json").read_text()) for name in ("one", "two")]
    assert [record["processes"] for record in records] == [1, 2]
    for mine, other in zip(*(record["history"] for record in records), strict=True):
        parts = [key for key in mine if key.startswith("part_")]
        assert [other[key] for key in parts] == pytest.approx([mine[key] for key in parts], abs=1e-4)
