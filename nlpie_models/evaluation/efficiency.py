"""Efficiency: what a checkpoint costs on this machine, in ``model_cards/efficiency/<name>.json``.

Every number is measured or counted, none is estimated. Speeds count the notes' own word pieces: special tokens, and
those that overlapping windows read twice, are work but no output.
"""

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from ..adapters import find_base
from ..checkpoint_files import LocalCheckpoint
from ..errors import DataError, NlpieError
from ..files import sha256_of, write_whole
from ..pipelines import ClinicalPipeline
from ..tasks import Task, get_task, list_tasks
from .fresh_process import run_fresh
from .results import provenance

_COLD_STARTS = 3
_SHORT_TEXT = "She was given [MASK] for pneumonia."  # the mask is for fill-mask; other tasks read it as text


@dataclass(frozen=True)
class Efficiency:
    """What a checkpoint costs for a task, on a machine and on notes that ``provenance`` describes.

    Attributes:
        checkpoint: Name of the checkpoint.
        task: Name of the task.
        encoder_parameters: Parameters of the encoder, each shared one counted once.
        parameters: Parameters of the encoder and the head.
        weight_bytes: Size of the weight file.
        folder_bytes: Size of all files of the checkpoint.
        base_weight_bytes: For an adapter, size of its base's weight file.
        base_folder_bytes: For an adapter, size of all files of its base.
        window_tokens: Tokens of a full window, special tokens included.
        window_macs: Multiply-accumulates of the matrix products of one full window, half of the FLOPs.
        cold_start_seconds: From the start to the end of a process that imports the package, loads the checkpoint and
            annotates one short text; median of three.
        notes: Notes that were annotated for what follows.
        tokens: Their word pieces.
        single_notes_per_second: Speed with one note a call.
        single_tokens_per_second: The same in tokens.
        stream_notes_per_second: Speed with all notes in one stream, in the pipeline's own batches.
        stream_tokens_per_second: The same in tokens.
        latency_p50_ms: Median of the milliseconds of a call with one note.
        latency_p95_ms: Their 95th percentile.
        peak_bytes: Most memory of a fresh process that annotates all notes in one stream (resident set; what
            lies in an accelerator's own memory is not counted).
        import_peak_bytes: The same of one that only imports the package; the difference is the checkpoint's and the
            notes'.
        provenance: Versions, hardware, command, settings, and SHA-256 of the weights and of the notes.
    """

    checkpoint: str
    task: str
    encoder_parameters: int
    parameters: int
    weight_bytes: int
    folder_bytes: int
    base_weight_bytes: int | None
    base_folder_bytes: int | None
    window_tokens: int
    window_macs: int
    cold_start_seconds: float
    notes: int
    tokens: int
    single_notes_per_second: float
    single_tokens_per_second: float
    stream_notes_per_second: float
    stream_tokens_per_second: float
    latency_p50_ms: float
    latency_p95_ms: float
    peak_bytes: int
    import_peak_bytes: int
    provenance: dict[str, Any]


def get_single_text_task(name: str) -> Task:
    """Return the task with this name, if one text is all that it reads.

    Raises:
        UnknownName: There is no such task.
        NlpieError: Its rows are more than a text.
    """
    task = get_task(name)
    known = [each.name for each in list_tasks() if each.inputs == ("text",) and not each.more_inputs]
    if task.name not in known:
        raise NlpieError(
            f"{task.name} needs {' and '.join((*task.inputs, *task.more_inputs))}, and notes have only text; what can "
            f"be measured on notes: {', '.join(known)}"
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
    model, checkpoint = pipe.engine.model, pipe.checkpoint
    base = find_base(checkpoint) if checkpoint.base else None
    speed = measure_speed(pipe, notes, rounds)
    fresh = partial(run_fresh, load_arguments(pipe))
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
        window_macs=count_window_macs(pipe),
        cold_start_seconds=round(median(fresh([_SHORT_TEXT]).seconds for _ in range(_COLD_STARTS)), 3),
        notes=len(notes),
        **speed,
        peak_bytes=fresh(notes).peak_bytes,
        import_peak_bytes=fresh([]).peak_bytes,
        provenance={
            **provenance(*command),
            "cpu": cpu_name(),
            "threads": torch.get_num_threads(),
            "device": str(model.device),
            "rounds": rounds,
            "settings": {key: value for key, value in pipe.settings.items() if key != "checkpoint"},
            **_weights_sha256(checkpoint, base),
            "notes_sha256": hashlib.sha256(json.dumps(notes).encode()).hexdigest(),
        },
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
    """Return the number of parameters, each shared one counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_window_macs(pipe: ClinicalPipeline) -> int:
    """Return the multiply-accumulates of the matrix products of one full window, the only one of its batch."""
    reader = pipe.reader
    fused_on_cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # which the counter does not know
    counter = FlopCounterMode(display=False, custom_mapping={fused_on_cpu: _attention_flops})
    with counter:
        pipe.engine.run([reader.passage(np.full(reader.room, reader.sep_token_id))])
    return counter.get_total_flops() // 2


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def load_arguments(pipe: ClinicalPipeline) -> dict[str, Any]:
    """Return the arguments of ``load_clinical`` that make the same pipeline again."""
    settings = pipe.settings
    options, name = settings.pop("options"), settings.pop("checkpoint")
    return {"name": name, **settings, **options, "device": str(pipe.engine.model.device)}


def cpu_name() -> str:
    """Return the name of the processor, or what the system says in its place."""
    path = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def write_efficiency(folder: Path, measured: Efficiency) -> Path:
    """Write what was measured into a folder, in place of what is there under the same name, and return the file."""
    path = folder / f"{measured.checkpoint}.json"
    with write_whole(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(asdict(measured), indent=1) + "\n", encoding="utf-8")
    return path


def find_efficiency(folder: Path) -> Iterator[Efficiency]:
    """Read all that was measured into a folder, in the order of the names.

    Raises:
        DataError: A file is not of that kind.
    """
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            yield Efficiency(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{path} is not a file of `nlpie benchmark`: {error}") from error


def find_costs(folder: Path) -> Iterator[Efficiency]:
    """Read the efficiency files, whose folder lies beside a folder of results."""
    return find_efficiency(folder.parent / "efficiency")


def _weights_sha256(checkpoint: LocalCheckpoint, base: LocalCheckpoint | None) -> dict[str, str]:
    own = {"weights_sha256": sha256_of(checkpoint.weights)}
    return own | ({"base_sha256": sha256_of(base.weights)} if base else {})


def _attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    return sdpa_flop_count(query, key, value)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
