"""Fine-tuning: examples, and whole runs by the recipes on a tiny model."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nlpie_models import load_clinical
from nlpie_models.checkpoint_files import LocalCheckpoint
from nlpie_models.data.labels import LabelMap
from nlpie_models.documents import Encoder, Reader
from nlpie_models.tasks import get_task
from nlpie_models.tasks.ner import NerOptions
from nlpie_models.training.examples import collate, join_examples, make_examples
from nlpie_models.training.starting import HeadPlan, start_model

RECIPES = Path(__file__).parent.parent.parent / "recipes"
SENTENCES = [
    ("The patient has chest pain. ", [("chest pain", "Sign_symptom")]),
    ("Was given aspirin for fever. ", [("aspirin", "Medication"), ("fever", "Sign_symptom")]),
    ("No fever.\n", [("fever", "Sign_symptom")]),
    ("A ct scan was given. ", [("ct scan", "Diagnostic_procedure")]),
]


def document(number: int) -> dict:
    text, entities = "", []
    for index in range(4):
        sentence, spans = SENTENCES[(number + index) % len(SENTENCES)]
        for words, label in spans:
            start = len(text) + sentence.index(words)
            entities.append({"start": start, "end": start + len(words), "label": label})
        text += sentence
    return {"id": str(number), "text": text, "entities": entities}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 24), ("validation", 4), ("test", 4)):
        lines = [json.dumps(document(number)) for number in range(count)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    (folder / "map.toml").write_text(
        '[labels]\nproblem = ["Sign_symptom"]\ntreatment = ["Medication"]\ntest = ["Diagnostic_procedure"]'
    )
    return folder


def recipe(name: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess:
    command = [sys.executable, RECIPES / f"{name}.py", *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert not check or result.returncode == 0, result.stderr
    return result


def f1_on_test(folder: Path, data: Path) -> float:
    from nlpie_models.evaluation.evaluate import evaluate_pipeline

    return evaluate_pipeline(load_clinical(folder), data, "test", str(data / "map.toml"))["scores"]["f1"]


def test_teacher_then_student_by_command_line(data, ner_folder, tmp_path) -> None:
    start, teacher, student = tmp_path / "start", tmp_path / "teacher", tmp_path / "student"
    texts = [item for split in ("train", "validation") for item in ("--texts", data / f"{split}.jsonl")]
    recipe("make_student", "--start", ner_folder, "--output", start, "--vocabulary", 110, *texts)
    small = ["--epochs", 12, "--batch", 8, "--learning-rate", 5e-3, "--window", 64, "--size", 32]
    recipe("finetune", "--start", start, "--data", data, "--output", teacher, *small)
    assert "B-Sign_symptom" in json.loads((teacher / "config.json").read_text())["label2id"]

    recipe("make_student", "--start", start, "--output", tmp_path / "cut", "--layers", "0")
    mapped = ["--data", data, "--label-map", data / "map.toml"]
    taught = ["--teacher", teacher, "--unlabelled", data / "validation.jsonl"]
    recipe("finetune", "--start", tmp_path / "cut", "--output", student, *mapped, *taught, *small, "--join", 64)
    record = json.loads((student / "finetuning.json").read_text())
    assert record["best_on_validation"] > 0.85
    assert f1_on_test(student, data) > 0.7
    assert load_clinical(student).reader.window == 64

    other = recipe(
        "finetune", "--start", ner_folder, "--output", tmp_path / "no", *mapped, *taught, *small, check=False
    )
    assert "have different tokenizers" in other.stderr


def test_killed_and_resumed_gives_the_same_model(data, ner_folder, tmp_path) -> None:
    common = [
        "--start",
        ner_folder,
        "--data",
        data,
        "--batch",
        8,
        "--learning-rate",
        5e-3,
        "--window",
        64,
        "--size",
        32,
    ]
    recipe("finetune", *common, "--epochs", 3, "--output", tmp_path / "whole")
    killed = subprocess.Popen(
        [
            str(part)
            for part in (sys.executable, RECIPES / "finetune.py", *common, "--epochs", 3, "--output", tmp_path / "cut")
        ],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    state = tmp_path / "cut.runs"
    while killed.poll() is None and not list(state.glob("checkpoint-*/trainer_state.json")):
        pass
    killed.kill()
    assert killed.wait() != 0, "the run ended before it could be killed"
    assert not (tmp_path / "cut").exists()
    recipe("finetune", *common, "--epochs", 3, "--output", tmp_path / "cut", "--resume")
    whole, resumed = (json.loads((tmp_path / name / "finetuning.json").read_text()) for name in ("whole", "cut"))
    losses = [[row["eval_loss"] for row in record["history"] if "eval_loss" in row] for record in (whole, resumed)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut")]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name])


def test_a_head_that_is_calibrated_later_has_its_thresholds_chosen_anew(head_folder, tmp_path) -> None:
    start = head_folder("classification", ("pain", "fever"), multi_label=True)
    rows = [
        {"text": text, "labels": [label for label in ("pain", "fever") if label in text]}
        for text, _ in SENTENCES
        for _ in range(5)
    ]
    (tmp_path / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = ["--task", "classification", "--start", start, "--data", tmp_path, "--output", tmp_path / "later"]
    assert "calibration error on validation" in recipe("calibrate", *given).stdout
    pipe = load_clinical(tmp_path / "later", "classification")
    assert set(pipe.options.thresholds) == {"pain", "fever"}
    best = max(annotation.classified.scores["pain"] for annotation in pipe([text for text, _ in SENTENCES]))
    assert 0 < pipe.options.thresholds["pain"] <= best

    rows[0]["labels"] = ["nausea"]
    (tmp_path / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given[-1] = tmp_path / "other"
    refused = recipe("calibrate", *given, check=False)
    assert refused.stderr.startswith("Error: ")
    assert "labels that" in refused.stderr
    assert "lacks: nausea" in refused.stderr


def test_what_cannot_be_cut_out_of_a_model_is_said_in_one_line(ner_folder, tmp_path) -> None:
    refused = recipe("make_student", "--start", ner_folder, "--output", tmp_path / "x", "--layers", "0,99", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: cannot make a student of")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("unit", ["sentence", "window"])
def test_examples_label_first_pieces_and_keep_every_word(tokenizer, unit) -> None:
    row = document(0)
    task = get_task("ner")
    (rows, golds) = task.read_labelled([("here", row)], LabelMap())
    tags = task.supervision.labels(golds)
    reader = Reader(Encoder(tokenizer.backend_tokenizer), tokenizer.cls_token_id, tokenizer.sep_token_id, 16)
    examples = list(make_examples(task, [task.plan(rows[0], reader, NerOptions(unit=unit))], golds, tags))
    assert len(examples) > 1
    labelled = [
        (tokenizer.convert_ids_to_tokens(int(piece)), tags[label])
        for example in examples
        for piece, label in zip(example["input_ids"], example["labels"], strict=True)
        if label > 0
    ]
    assert labelled[:2] == [("chest", "B-Sign_symptom"), ("pain", "I-Sign_symptom")]
    assert sum(tag[0] == "B" for _, tag in labelled) == len(golds[0])
    assert all(len(example["input_ids"]) <= 16 for example in examples)


def test_collation_pads_labels_and_targets() -> None:
    hard = collate([{"input_ids": [2, 9, 3], "labels": [-100, 1, -100]}, {"input_ids": [2, 3], "labels": [-100, -100]}])
    assert hard["labels"].tolist() == [[-100, 1, -100], [-100, -100, -100]]
    assert hard["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    soft = collate(
        [{"input_ids": [2], "labels": np.zeros((1, 3), np.float16)}, {"input_ids": [2, 3], "labels": np.ones((2, 3))}]
    )
    assert soft["labels"].shape == (2, 2, 3)
    assert soft["labels"].dtype == torch.float32
    assert soft["labels"][0, 1].tolist() == [-100] * 3


def test_joined_examples_keep_every_label_and_never_cross_documents() -> None:
    examples = [
        {"document": document, "input_ids": [2, *ids, 3], "labels": [-100, *ids, -100]}
        for document, ids in [(0, [10, 11]), (0, [12]), (0, [13, 14, 15]), (1, [16])]
    ]
    joined = list(join_examples(examples, 7))
    assert [list(example["input_ids"]) for example in joined] == [[2, 10, 11, 12, 3], [2, 13, 14, 15, 3], [2, 16, 3]]
    assert [list(example["labels"]) for example in joined[:1]] == [[-100, 10, 11, 12, -100]]
    assert [example["input_ids"] for example in examples[:1]] == [[2, 10, 11, 3]]
    targets = [{**example, "labels": np.ones((len(example["labels"]), 3))} for example in examples]
    (first, _) = join_examples(targets, 100)
    assert first["labels"].shape == (8, 3)
    drawn = list(join_examples(examples * 50, 30, rng=random.Random(0)))
    assert len({len(example["input_ids"]) for example in drawn}) > 2


def test_a_head_with_the_same_tags_is_kept(ner_folder) -> None:
    start = LocalCheckpoint(ner_folder)
    tags = list(load_clinical(ner_folder).engine.model.config.id2label.values())
    kept, _ = start_model(start, HeadPlan(get_task("ner"), tags, False, 32, {"assertion": True}), seed=0)
    weights = load_file(ner_folder / "model.safetensors")
    assert torch.equal(kept.classifier.weight, weights["classifier.weight"])
    assert kept.config.window_tokens == 32
    assert kept.config.task_options == {"ner": {"assertion": True}}
    new, _ = start_model(start, HeadPlan(get_task("ner"), ["O", "B-x", "I-x"], False, 32, {}), seed=0)
    assert new.classifier.weight.shape[0] == 3
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(new.bert.state_dict()[name], weights[f"bert.{name}"])
