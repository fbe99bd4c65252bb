"""Fine-tuning beside a fine-tuned teacher by command line: every task, best epoch, resume, wrong pairs."""

import copy
import json
from pathlib import Path

import pytest
import torch
import transformers
from click.testing import CliRunner
from safetensors.torch import load_file

from nlpie_models import load_clinical
from nlpie_models.cli.train import finetune_command
from nlpie_models.tasks import get_task
from nlpie_models.training.labelled import Validation

TEXT, FEVER, ASPIRIN = "aspirin for fever", {"start": 12, "end": 17}, {"start": 0, "end": 7}
RELATED = {"text": TEXT, "head": ASPIRIN | {"type": "drug"}, "tail": FEVER | {"type": "problem"}}
ROWS = {
    "ner": [{"text": TEXT, "entities": [FEVER | {"label": "problem"}]}],
    "classification": [{"text": TEXT, "label": "given"}, {"text": "no fever", "label": "not"}],
    "independent": [{"text": TEXT, "labels": ["drug", "problem"]}, {"text": "no pain", "labels": ["problem"]}],
    "nli": [{"premise": TEXT, "hypothesis": text, "label": label} for text, label in (("no", "not"), (TEXT, "yes"))],
    "relation": [{**RELATED, "label": "treats"}, {**RELATED, "label": "none"}],
}
LABELS = {
    "ner": ("O", "B-problem", "I-problem"),
    "classification": ("given", "not"),
    "independent": ("drug", "problem"),
    "nli": ("not", "yes"),
    "relation": ("none", "treats"),
}
SMALL = {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 16}


@pytest.fixture
def make_model(tokenizer, bert_config, tmp_path):
    """Return a function from an architecture and its sizes to the folder of a model with random weights."""

    def make(name: str, auto_class: str = "AutoModel", labels: tuple[str, ...] = ("x",), **sizes) -> Path:
        config = copy.deepcopy(bert_config)
        for key, value in {**sizes, "id2label": dict(enumerate(labels))}.items():
            setattr(config, key, value)
        torch.manual_seed(len(name))
        getattr(transformers, auto_class).from_config(config).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def data(tmp_path):
    """Return a function from a kind of rows to the folder of a data set."""

    def write(kind: str) -> Path:
        folder = tmp_path / f"{kind}-data"
        folder.mkdir()
        for split, copies in (("train", 8), ("validation", 2)):
            (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, ROWS[kind] * copies)))
        return folder

    return write


def finetune(task: str, start: Path, data: Path, output: Path, *more: object, code: int = 0) -> str:
    fixed = ["--task", task, "--start", start, "--data", data, "--output", output, "--window", 32, "--epochs", 1]
    fixed += ["--batch", 4, "--learning-rate", 5e-3]
    result = CliRunner().invoke(finetune_command, list(map(str, [*fixed, *more])))
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("kind", list(ROWS))
def test_every_task_learns_from_its_teacher(kind, make_model, head_folder, data, tmp_path) -> None:
    task = get_task("classification" if kind == "independent" else kind)
    teacher = head_folder(task.name, LABELS[kind], kind == "independent")
    given = ["--teacher", teacher, "--objective", "task", "--objective-option", "temperature=4"]
    finetune(task.name, make_model("start", **SMALL), data(kind), tmp_path / "student", *given)
    record = json.loads((tmp_path / "student" / "finetuning.json").read_text())
    assert record["teacher"] == teacher.name
    assert record["objective"]["temperature"] == 4
    parts = {key: value for key, value in record["history"][0].items() if key.startswith("part_")}
    assert set(parts) == {"part_soft_target", "part_hidden", "part_hard_label"}
    assert sum(parts.values()) == pytest.approx(record["history"][0]["loss"], rel=1e-3)
    model = load_clinical(tmp_path / "student", task=task.name).engine.model
    assert (model.config.num_hidden_layers, tuple(model.config.id2label.values())) == (1, LABELS[kind])


def test_the_best_epoch_is_kept_and_a_stopped_run_goes_on_the_same(
    make_model, head_folder, data, tmp_path, monkeypatch
) -> None:
    start, rows = make_model("start", **SMALL), data("nli")
    given = ["--teacher", head_folder("nli", LABELS["nli"]), "--epochs", 3]
    scores = iter([0.5, 0.9, 0.7])
    with monkeypatch.context() as patch:
        patch.setattr(Validation, "score", lambda *_: {"accuracy": next(scores, 0.0)})
        finetune("nli", start, rows, tmp_path / "whole", *given)
    kept = load_file(tmp_path / "whole" / "model.safetensors")
    best = load_file(tmp_path / "whole.runs" / "checkpoint-8" / "model.safetensors")
    assert all(torch.equal(kept[name], weight) for name, weight in best.items() if not name.startswith("classifier"))

    def stop_in_the_second_epoch(*_: object) -> dict[str, float]:
        if evaluated:
            raise KeyboardInterrupt
        evaluated.append(True)
        return {"accuracy": 0.5}

    evaluated: list[bool] = []
    with monkeypatch.context() as patch:
        patch.setattr(Validation, "score", stop_in_the_second_epoch)
        finetune("nli", start, rows, tmp_path / "cut", *given, code=1)
    scores = iter([0.9, 0.7])
    with monkeypatch.context() as patch:
        patch.setattr(Validation, "score", lambda *_: {"accuracy": next(scores, 0.0)})
        finetune("nli", start, rows, tmp_path / "cut", *given, "--resume")
    resumed = load_file(tmp_path / "cut" / "model.safetensors")
    assert all(torch.equal(resumed[name], weight) for name, weight in kept.items())


@pytest.mark.parametrize(
    ("kind", "labels", "sizes", "message"),
    [
        ("nli", ("no", "yes"), {}, "has not, yes and the teacher (bert, {teacher}) no, yes; fine-tune the teacher on"),
        ("nli", None, {"num_hidden_layers": 3}, "has 2 layers and the teacher (bert, {teacher}) 3, which 2 does not"),
        ("nli", None, {"max_position_embeddings": 16}, "is to read 32 tokens together, and the teacher (bert"),
        ("ner", None, {}, "student {start} is to learn ner from teacher {teacher}, which has no head for it"),
        ("independent", None, {}, "has drug, problem (independent of each other) and the teacher"),
    ],
)  # fmt: skip
def test_wrong_pairs_are_refused_before_the_first_step(
    kind, labels, sizes, message, make_model, data, tmp_path
) -> None:
    teacher = make_model("teacher", "AutoModelForSequenceClassification", labels or LABELS[kind], **sizes)
    start = make_model("start")
    task = "classification" if kind == "independent" else kind
    printed = finetune(task, start, data(kind), tmp_path / "x", "--teacher", teacher, code=1)
    assert message.format(teacher=teacher, start=start) in printed
    assert not (tmp_path / "x.runs").exists()


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        ("ner", ["--objective", "task"], "need a teacher"),
        ("ner", ["--unlabelled", "notes"], "need a teacher"),
        ("nli", ["--teacher", ".", "--objective", "soft-targets"], "soft-targets are for named entities"),
        ("nli", ["--teacher", ".", "--unlabelled", "notes"], "go with soft-targets"),
        ("nli", ["--teacher", ".", "--hard-weight", 0.3], "go with soft-targets"),
        ("ner", ["--teacher", ".", "--objective-option", "hidden=0"], "go with the objective task"),
        ("nli", ["--teacher", ".", "--teacher", "."], "asks one teacher, got 2"),
    ],
)
def test_options_that_do_not_go_together(task, given, message, tmp_path) -> None:
    assert message in finetune(task, tmp_path, tmp_path, tmp_path / "x", *given, code=1)


@pytest.mark.parametrize("taught", [False, True])
def test_altered_copies_double_the_steps(taught, make_model, head_folder, data, tmp_path) -> None:
    start, rows, steps = make_model("start", **SMALL), data("ner"), []
    teachers = ["--teacher", head_folder("ner", LABELS["ner"])] if taught else []
    for copies in (0, 1):
        finetune("ner", start, rows, tmp_path / f"copies-{copies}", "--augment", copies, *teachers)
        record = json.loads((tmp_path / f"copies-{copies}" / "finetuning.json").read_text())
        steps.append(record["history"][-1]["step"])
    assert steps == [2, 4]


@pytest.mark.parametrize("task", ["classification", "assertion"])
def test_altered_copies_are_for_named_entities(task, make_model, data, tmp_path) -> None:
    rows = data("ner" if task == "assertion" else task)
    refused = finetune(task, make_model("start", **SMALL), rows, tmp_path / "x", "--augment", 1, code=1)
    assert f"augment is for the named entities of the task ner, got the task {task}" in refused
    assert not (tmp_path / "x").exists()
