"""What every run of the Trainer has in common: one device a process, and what an earlier run left."""

import pytest
import torch

from nlpie_models.errors import NlpieError
from nlpie_models.training import runs


def test_a_process_trains_on_one_of_several_gpus(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "has_accelerator", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    arguments = runs.RunOutput(tmp_path / "model").trainer_arguments(per_device_train_batch_size=8)
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == 8


def test_a_checkpoint_that_was_not_written_to_its_end_is_passed_over(tmp_path) -> None:
    output = runs.RunOutput(tmp_path / "model", resume=True)
    assert output.last_state() is None
    for step, state in (("9", "{}"), ("10", "{}"), ("100", '{"global')):
        folder = tmp_path / "model.runs" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(state)
    assert output.last_state() == str(tmp_path / "model.runs" / "checkpoint-10")
    assert runs.RunOutput(tmp_path / "model").last_state() is None


def test_a_tracker_that_is_not_installed_is_refused(tmp_path) -> None:
    output = runs.RunOutput(tmp_path / "model", report_to=["telegraph"])
    with pytest.raises(NlpieError, match="cannot report to telegraph: expected trackers that are installed"):
        output.trainer_arguments()


def test_reports_go_to_the_trackers_under_the_name_of_the_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "get_available_reporting_integrations", lambda: ["tensorboard"])
    arguments = runs.RunOutput(tmp_path / "model", False, ["tensorboard"], "first").trainer_arguments()
    assert (arguments.report_to, arguments.run_name) == (["tensorboard"], "first")
    assert runs.RunOutput(tmp_path / "model").trainer_arguments().report_to == []
