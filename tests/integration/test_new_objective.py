"""An objective that is added by one module trains a student from the command line."""

import importlib
import json
import sys

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.distillation import objectives

MODULE = '''
"""Only the head: the squared error of the logits, and masked language modelling."""

import torch
from nlpie_models.distillation.losses import at_labels, hard_labels
from nlpie_models.distillation.objectives import Needs, Objective, Part, Unit


class LogitsObjective(Objective):
    name = "logits"
    summary = "logits of the teacher, and masked language modelling"
    source = "https://example.org/logits"
    parts = {
        "logits": Part(1.0, Unit.LABELLED, Needs(student_logits=True, teacher_logits=True)),
        "mlm": Part(0.5, Unit.LABELLED, Needs(student_logits=True)),
    }

    def __init__(self, student_config, teacher_config, *, bias=False, **weights):
        super().__init__(student_config, teacher_config, **weights)
        self.shift = torch.nn.Linear(1, 1) if bias else torch.nn.Identity()

    def losses(self, student, teacher, batch):
        labels = batch["labels"]
        return {
            "logits": lambda: (at_labels(student.logits, labels) - at_labels(teacher.logits, labels)).square().mean(),
            "mlm": lambda: hard_labels(student.logits, labels),
        }


OBJECTIVE = LogitsObjective
'''


@pytest.fixture
def logits(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "logits.py").write_text(MODULE)
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(folder)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("nlpie_models.distillation.objectives.logits", None)
    vars(objectives).pop("logits", None)


def test_an_objective_of_one_module_distils_a_student(logits, mlm_folder, tmp_path) -> None:
    notes = tmp_path / "notes.jsonl"
    notes.write_text("\n".join(json.dumps({"text": f"the patient has chest pain and fever {n}"}) for n in range(40)))
    arguments = ["train", "distill", "--teacher", mlm_folder, "--student", "layers", "-S", "layers=[0]"]
    arguments += ["--corpus", notes, "--block", 32, "--batch", 8, "--steps", 2, "--evaluate-every", 1, "--float32"]
    arguments += ["--held-out-share", 0.2, "--objective", "logits"]

    def run(*more: object):
        return CliRunner().invoke(main, list(map(str, [*arguments, *more])))

    said = run("--output", tmp_path / "student", "-O", "mlm=2", "-O", "bias=true")
    assert said.exit_code == 0, said.output
    record = json.loads((tmp_path / "student" / "distillation.json").read_text())
    assert record["objective"] == {"name": "logits", "mlm": 2, "bias": True, "weights": {"logits": 1.0, "mlm": 2}}
    logged = [row for row in record["history"] if "loss" in row]
    assert logged
    for row in logged:
        assert row["part_logits"] + row["part_mlm"] == pytest.approx(row["loss"], abs=1e-3)

    said = run("--output", tmp_path / "other", "-O", "mlmm=2")
    assert "objective logits has no option 'mlmm'; its options: logits, mlm, bias" in said.output
    assert [objective.name for objective in objectives.list_objectives()][2] == "logits"
