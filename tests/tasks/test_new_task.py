"""A task that is added by one module works everywhere: command line, evaluation, fine-tuning."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import load_clinical, tasks
from nlpie_models.cli import main
from nlpie_models.evaluation.results import read_results

RECIPES = Path(__file__).parent.parent.parent / "recipes"
MODULE = '''
"""How urgent a complaint is, given the question that was asked."""

from nlpie_models.documents import Classification
from nlpie_models.tasks import SEQUENCES, Plan, Supervision, Task, softmax
from nlpie_models.scoring import count_labels


def _plan(row, reader, options):
    reading = reader.read(row["complaint"])
    return Plan(row["complaint"], [reader.passage(ids) for ids in reading.ids], reading.coverage)


def _finish(plan, parts, head, options):
    scores = dict(zip(head.labels, map(float, sum(parts) / len(parts))))
    return {"classification": Classification(scores, (max(scores, key=scores.get),), "mean")}


TASK = Task(
    name="urgency",
    aliases=(),
    summary="how urgent a complaint is",
    auto_class=SEQUENCES,
    gives="classification",
    output="logits",
    plan=_plan,
    reduce=lambda plan, index, output, head: softmax(output),
    finish=_finish,
    inputs=("complaint",),
    supervision=Supervision(
        gold=lambda row, labels: row["urgency"],
        labels=lambda golds: sorted(set(golds)),
        targets=lambda plan, gold, labels: [__import__("numpy").array(labels.index(gold))] * len(plan.passages),
        answer=lambda annotation: annotation.label,
        confidences=lambda gold, annotation: [(annotation.score, annotation.label == gold)],
        count=count_labels,
        metric="accuracy",
    ),
)
'''


@pytest.fixture
def urgency(tmp_path, monkeypatch):
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "urgency.py").write_text(MODULE)
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(folder)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("nlpie_models.tasks.urgency", None)
    vars(tasks).pop("urgency", None)


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for split, count in (("train", 40), ("validation", 8), ("test", 8)):
        rows = [
            {"complaint": "chest pain and fever", "urgency": "high"} if i % 2 else {"complaint": "no", "urgency": "low"}
            for i in range(count)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_a_task_of_one_module_is_learnt_scored_and_used(urgency, data, ner_folder, tmp_path) -> None:
    finetune = runpy.run_path(str(RECIPES / "finetune.py"))["main"]
    output = tmp_path / "model"
    arguments = ["--task", "urgency", "--start", ner_folder, "--data", data, "--output", output, "--window", 32]
    arguments += ["--epochs", 8, "--batch", 8, "--learning-rate", 5e-3]
    result = CliRunner().invoke(finetune, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "accuracy 1.0000 on validation" in result.output

    assert load_clinical(output, "urgency")("chest pain and fever").label == "high"
    assert load_clinical(output, "urgency")({"complaint": "no"}).label == "low"

    results = tmp_path / "results"
    arguments = ["evaluate", output, "--task", "urgency", "--data", data, "--split", "test", "--results", results]
    result = CliRunner().invoke(main, [*map(str, arguments), "--baselines"])
    assert result.exit_code == 0, result.output
    assert "accuracy 1.000" in result.output
    assert read_results(results / "model" / "data.own-head.json").runs[0]["ece"] < 0.5
    [run] = read_results(results / "majority" / "data.all-rows.json").runs
    assert run["scores"]["accuracy"] == 0.5

    source = str(data / "test.jsonl")
    result = CliRunner().invoke(main, ["annotate", source, "-t", "urgency", "-c", str(output)])
    assert [json.loads(line)["classification"]["label"] for line in result.stdout.splitlines()] == ["low", "high"] * 4
