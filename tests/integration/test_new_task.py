"""A task that is added by one module is trained, scored and run from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugins import added_module

from nlpie_models import load_clinical, tasks
from nlpie_models.cli import main
from nlpie_models.evaluation.results import read_results

URGENCY = '''
"""How urgent a complaint is."""

from nlpie_models.documents import Classification
from nlpie_models.tasks import SEQUENCES, Task, plan_text, softmax


class UrgencyTask(Task):
    name = "urgency"
    summary = "how urgent a complaint is"
    auto_class = SEQUENCES
    output = "logits"
    field = "classification"
    inputs = ("complaint",)
    metric = "accuracy"
    hub_pipeline = "text-classification"
    usage = '("chest pain").label'
    sample = {"complaint": "chest pain"}

    def plan(self, row, reader, options):
        return plan_text(row["complaint"], reader)

    def reduce(self, plan, index, output, head):
        return softmax(output)

    def finish(self, plan, parts, head, options):
        scores = dict(zip(head.labels, map(float, sum(parts) / len(parts))))
        return {"classification": Classification(scores, (max(scores, key=scores.get),), "mean")}

    def gold_of(self, row, labels):
        return row["urgency"]


TASK = UrgencyTask()
'''


@pytest.fixture
def urgency(tmp_path_factory):
    with added_module(tasks, tmp_path_factory.mktemp("plugin"), "urgency", URGENCY):
        yield


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


def test_a_task_of_one_module_is_trained_scored_and_run(urgency, data, ner_folder, tmp_path) -> None:
    output = tmp_path / "model"
    arguments = ["--task", "urgency", "--start", ner_folder, "--data", data, "--output", output, "--window", 32]
    arguments += ["--epochs", 8, "--batch", 8, "--learning-rate", 5e-3]
    result = CliRunner().invoke(main, ["train", "finetune", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "accuracy 1.0000 on validation" in result.output

    assert load_clinical(output, "urgency")("chest pain and fever").label == "high"
    assert load_clinical(output, "urgency")({"complaint": "no"}).label == "low"

    results = tmp_path / "results"
    arguments = ["evaluate", output, "--task", "urgency", "--data", data, "--split", "test", "--results", results]
    result = CliRunner().invoke(main, [*map(str, arguments), "--baselines"])
    assert result.exit_code == 0, result.output
    assert "accuracy 1.000" in result.output
    assert read_results(results / "model" / "data.own-head.json").runs[0].ece < 0.5
    [run] = read_results(results / "majority" / "data.all-rows.json").runs
    assert run.scores["accuracy"] == 0.5

    source = str(data / "test.jsonl")
    result = CliRunner().invoke(main, ["annotate", source, "-t", "urgency", "-c", str(output)])
    assert [json.loads(line)["classification"]["label"] for line in result.stdout.splitlines()] == ["low", "high"] * 4
