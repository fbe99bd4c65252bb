"""What all trainings with the HF Trainer share: where a run writes, how it goes on, its device and its precision."""

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations

from ..errors import NlpieError


@dataclass(frozen=True)
class RunOutput:
    """Where a training writes.

    Attributes:
        path: Folder for the model, written whole at the end; work in progress, with a log, goes to ``<path>.runs``.
        resume: Whether to go on from the last state in that folder, if there is one.
        report_to: Trackers to report to, by transformers' names for them, such as ``tensorboard`` or ``wandb``.
        run_name: Name of the run at the trackers.
    """

    path: Path
    resume: bool = False
    report_to: Sequence[str] = ()
    run_name: str | None = None

    def open(self) -> Path:
        """Return the folder for the work in progress, when all processes have asked; see :func:`open_runs`."""
        return open_runs(self.path, resume=self.resume)

    def last_state(self) -> str | None:
        """Return the newest state to go on from that was written to its end; the Trainer writes a state's file last."""
        if not self.resume:
            return None
        folders = runs_folder(self.path).glob("checkpoint-*")
        for folder in sorted(folders, key=lambda folder: int(folder.name.partition("-")[2]), reverse=True):
            with contextlib.suppress(OSError, json.JSONDecodeError):
                json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
                return str(folder)
        return None

    def trainer_arguments(self, **settings: Any) -> TrainingArguments:
        """Return the Trainer's arguments: those that all trainings share, and ``settings``.

        A process trains on one device, and several processes are for a launcher. Without one, the Trainer would spread
        the model over all GPUs as ``DataParallel``, which multiplies the batch and tears a teacher from its student.

        Raises:
            NlpieError: A tracker is unknown or not installed.
        """
        installed = get_available_reporting_integrations()
        if missing := set(self.report_to) - set(installed):
            raise NlpieError(
                f"cannot report to {', '.join(sorted(missing))}: expected trackers that are installed "
                f"({', '.join(sorted(installed)) or 'none is'})"
            )
        arguments = TrainingArguments(
            output_dir=str(runs_folder(self.path)),
            use_cpu=not has_accelerator(),
            save_total_limit=1,
            remove_unused_columns=False,
            report_to=list(self.report_to) or "none",
            run_name=self.run_name,
            disable_tqdm=not sys.stderr.isatty(),
            dataloader_pin_memory=has_accelerator(),
            **settings,
        )
        arguments._n_gpu = min(arguments.n_gpu, 1)
        return arguments


def runs_folder(output: Path) -> Path:
    """Return the folder for the work in progress on an output."""
    return output.with_name(f"{output.name}.runs")


def open_runs(output: Path, *, resume: bool) -> Path:
    """Return the folder for the work in progress on an output, when all processes have asked.

    Raises:
        NlpieError: The output exists already, or work in progress that is not to be resumed.
    """
    if output.exists():
        raise NlpieError(f"{output} exists already; choose another --output or remove it")
    runs = runs_folder(output)
    if runs.exists() and not resume:
        raise NlpieError(f"{runs} is there from an earlier run; go on with it by --resume, or remove it")
    PartialState(cpu=not has_accelerator()).wait_for_everyone()
    return runs


def is_first_process() -> bool:
    """Whether this process is the one of all that writes files."""
    return PartialState(cpu=not has_accelerator()).is_main_process


def supports_bf16() -> bool:
    """Whether the GPU, or else the CPU, has instructions with which torch computes in bfloat16."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def has_accelerator() -> bool:
    """Whether torch sees a device other than the CPU."""
    return torch.accelerator.is_available()
