"""What every run of the HF Trainer here has in common: its folder, how it goes on, and its arguments."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import TrainingArguments

from ..errors import NlpieError
from .precision import has_accelerator


def open_runs(output: Path, *, resume: bool) -> Path:
    """Return the folder for the work in progress on an output, ``<output>.runs``, when all processes have asked.

    Raises:
        NlpieError: The output is there already, or work in progress that is not to be resumed.
    """
    if output.exists():
        raise NlpieError(f"{output} exists already; choose another --output or remove it")
    runs = output.with_name(f"{output.name}.runs")
    if runs.exists() and not resume:
        raise NlpieError(f"{runs} is there from an earlier run; go on with it by --resume, or remove it")
    PartialState(cpu=not has_accelerator()).wait_for_everyone()
    return runs


def last_whole_checkpoint(runs: Path) -> str | None:
    """Return the newest checkpoint that was written to its end, if any: the Trainer writes the state last."""
    folders = sorted(runs.glob("checkpoint-*"), key=lambda folder: int(folder.name.partition("-")[2]), reverse=True)
    for folder in folders:
        with contextlib.suppress(OSError, json.JSONDecodeError):
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            return str(folder)
    return None


def trainer_arguments(runs: Path, **own: Any) -> TrainingArguments:
    """Return the Trainer's arguments: those that all runs share, and a run's own.

    A process trains on one device, and several are for a launcher. Without one, the Trainer would spread the model over
    all GPUs as ``DataParallel``, which multiplies the batch and tears a teacher from its student.
    """
    arguments = TrainingArguments(
        output_dir=str(runs),
        use_cpu=not has_accelerator(),
        save_total_limit=1,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
        dataloader_pin_memory=has_accelerator(),
        **own,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments
