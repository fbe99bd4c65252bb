"""Measure what a checkpoint costs on this machine: size, arithmetic, start, speed and memory."""

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from ...engines.torch import TorchEngine
from ...errors import NlpieError
from ...loading.adapters import find_base, load_whole_model
from ...pipelines import ClinicalPipeline
from ...tasks import Task, get_task, list_tasks
from ...util.files import sha256_of
from ...util.process import count_threads
from ..efficiency import Conditions, Efficiency
from ..results import provenance
from ._fresh import run_fresh

_COLD_STARTS = 3
_SHORT_TEXT = "She was given [MASK] for pneumonia."  # the mask is for fill-mask; other tasks read it as text


def get_single_text_task(name: str) -> Task:
    """Return the task with this name, if one text is all that it reads.

    Raises:
        UnknownName: There is no such task.
        NlpieError: Its rows are more than a text.
    """
    task = get_task(name)
    known = [known.name for known in list_tasks() if known.inputs == ("text",) and not known.optional_inputs]
    if task.name not in known:
        raise NlpieError(
            f"{task.name} needs {' and '.join((*task.inputs, *task.optional_inputs))}, and notes have only text; "
            f"what can be measured on notes: {', '.join(known)}"
        )
    return task


def measure_efficiency(
    pipe: ClinicalPipeline, notes: Sequence[str], *, name: str, command: Sequence[str], rounds: int = 3
) -> Efficiency:
    """Measure a pipeline for a task that reads one text.

    Args:
        pipe: The pipeline, from :func:`nlpie_models.load_clinical`.
        notes: The notes to annotate.
        name: What to call the checkpoint.
        command: The words of the command that measures it again, without paths of this machine.
        rounds: How often all notes are timed in each way, the ways taking turns.

    Raises:
        NlpieError: There is nothing to read in the notes, or one cannot be annotated.
    """
    checkpoint = pipe.checkpoint
    model = load_whole_model(checkpoint, pipe.task.auto_class)
    base = find_base(checkpoint) if checkpoint.base else None
    speed = measure_speed(pipe, notes, rounds)
    fresh = partial(run_fresh, {"load": load_arguments(pipe)})
    return Efficiency(
        checkpoint=name,
        task=pipe.task.name,
        encoder_parameters=count_parameters(model.base_model),
        parameters=count_parameters(model),
        weight_bytes=checkpoint.weights.stat().st_size,
        folder_bytes=folder_bytes(checkpoint.folder),
        base_weight_bytes=None if base is None else base.weights.stat().st_size,
        base_folder_bytes=None if base is None else folder_bytes(base.folder),
        window_tokens=pipe.reader.window,
        window_macs=count_window_macs(model, pipe),
        cold_start_seconds=round(median(fresh([_SHORT_TEXT]).seconds for _ in range(_COLD_STARTS)), 3),
        notes=len(notes),
        **speed,
        peak_bytes=fresh(notes).peak_bytes,
        import_peak_bytes=fresh([]).peak_bytes,
        provenance=Conditions(
            **vars(provenance(*command)),
            cpu=cpu_name(),
            threads=count_threads(),
            device=pipe.engine.device,
            engine=pipe.engine.name,
            rounds=rounds,
            settings={key: value for key, value in pipe.settings.items() if key != "checkpoint"},
            weights_sha256=sha256_of(checkpoint.weights),
            notes_sha256=hashlib.sha256(json.dumps(notes).encode()).hexdigest(),
            base_sha256=None if base is None else sha256_of(base.weights),
        ),
    )


def measure_speed(pipe: ClinicalPipeline, notes: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return the tokens, the speeds and the latencies of :class:`Efficiency`, after an untimed round.

    Raises:
        NlpieError: There is nothing to read in the notes, or one cannot be annotated.
    """
    for annotations in (map(pipe, notes), pipe.stream(notes)):
        tokens = sum(annotation.coverage.tokens for annotation in annotations)
    if not tokens:
        raise NlpieError("there is no word in the notes, so there is nothing to time")
    calls, streams = [], []
    for _ in range(rounds):
        calls.append([_seconds(partial(pipe, note)) for note in notes])
        streams.append(_seconds(lambda: list(pipe.stream(notes))))
    single, stream = median(map(sum, calls)), median(streams)
    return {
        "tokens": tokens,
        "single_notes_per_second": round(len(notes) / single, 3),
        "single_tokens_per_second": round(tokens / single, 3),
        "stream_notes_per_second": round(len(notes) / stream, 3),
        "stream_tokens_per_second": round(tokens / stream, 3),
        **latency_percentiles(np.ravel(calls)),
    }


def latency_percentiles(seconds: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Return the median and the 95th percentile of times, in milliseconds; between two times, in proportion."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {"latency_p50_ms": round(float(p50), 3), "latency_p95_ms": round(float(p95), 3)}


def count_parameters(model: torch.nn.Module) -> int:
    """Return the number of parameters, a shared one counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_window_macs(model: Any, pipe: ClinicalPipeline) -> int:
    """Return the multiply-accumulates of a model's matrix products for one full window of a pipeline."""
    reader, engine = pipe.reader, TorchEngine(model, pipe.task.output, device="cpu")
    fused_on_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # which the counter does not know
    counter = FlopCounterMode(display=False, custom_mapping={fused_on_cpu: _attention_flops})
    with counter:
        engine.run([reader.passage(np.full(reader.room, reader.sep_token_id))])
    return counter.get_total_flops() // 2


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def load_arguments(pipe: ClinicalPipeline) -> dict[str, Any]:
    """Return the arguments of ``load_clinical`` that load the same pipeline again."""
    settings = pipe.settings
    options, name = settings.pop("options"), settings.pop("checkpoint")
    return {"name": name, **settings, **options, "engine": pipe.engine.name, "device": pipe.engine.device}


def cpu_name() -> str:
    """Return the name of the processor; without one, that of its architecture."""
    path = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return name[1] if name else platform.processor() or platform.machine()


def _attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    return sdpa_flop_count(query, key, value)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
