"""What every run of the Trainer has in common: one device a process, and what an earlier run left."""

import torch

from nlpie_models.training import runs


def test_a_process_trains_on_one_of_several_gpus(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "has_accelerator", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    arguments = runs.trainer_arguments(tmp_path, per_device_train_batch_size=8)
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == 8


def test_a_checkpoint_that_was_not_written_to_its_end_is_passed_over(tmp_path) -> None:
    assert runs.last_whole_checkpoint(tmp_path) is None
    for step, state in (("9", "{}"), ("10", "{}"), ("100", '{"global')):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(state)
    assert runs.last_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
