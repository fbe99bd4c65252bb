"""Efficiency: what a checkpoint costs on a machine, in ``model_cards/efficiency/<name>.json``.

``nlpie benchmark efficiency`` measures it; see :mod:`nlpie_models.evaluation.benchmarks.efficiency`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .results import Provenance, read_record

FOLDER = "efficiency"


@dataclass(frozen=True, kw_only=True)
class Conditions(Provenance):
    """How the figures of an efficiency file were measured.

    Attributes:
        cpu: Name of the processor.
        threads: Threads that computed.
        device: The device that computed, such as ``cpu``.
        rounds: How often all notes were timed.
        settings: Settings of the pipeline.
        weights_sha256: Hash of the weights.
        notes_sha256: Hash of the notes.
        base_sha256: Hash of the weights of an adapter's base; None for a whole checkpoint.
        engine: What computed.
    """

    cpu: str
    threads: int
    device: str
    rounds: int
    settings: dict[str, Any]
    weights_sha256: str
    notes_sha256: str
    base_sha256: str | None = None
    engine: str = "torch"


@dataclass(frozen=True)
class Efficiency:
    """What a checkpoint costs for a task.

    Every figure is measured or counted, none is estimated. Speeds count the notes' word pieces: special tokens, and
    those that overlapping windows read twice, are work but no output.

    Attributes:
        checkpoint: Name of the checkpoint.
        task: Name of the task.
        encoder_parameters: Parameters of the encoder, a shared one counted once.
        parameters: Parameters of the encoder and the head.
        weight_bytes: Size of the weight file.
        folder_bytes: Size of all files of the checkpoint.
        base_weight_bytes: For an adapter, size of its base's weight file.
        base_folder_bytes: For an adapter, size of all files of its base.
        window_tokens: Tokens of a full window, special tokens included.
        window_macs: Multiply-accumulates of the matrix products of one full window, half of the FLOPs.
        cold_start_seconds: From the start to the end of a process that imports the package, loads the checkpoint and
            annotates one short text; median of three.
        notes: Notes that were annotated for the following figures.
        tokens: Their word pieces.
        single_notes_per_second: Speed with one note a call.
        single_tokens_per_second: The same in tokens.
        stream_notes_per_second: Speed with all notes in one stream, in the pipeline's batches.
        stream_tokens_per_second: The same in tokens.
        latency_p50_ms: Median of the milliseconds of a call with one note.
        latency_p95_ms: Their 95th percentile.
        peak_bytes: Peak memory of a new process that annotates all notes in one stream (resident set; the memory of an
            accelerator is not counted).
        import_peak_bytes: Peak memory of a new process that only imports the package.
        provenance: How the figures were measured.
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
    provenance: Conditions

    def path(self, results: Path) -> Path:
        """Return the file of these figures beside a folder of results."""
        return results.parent / FOLDER / f"{self.checkpoint}.json"


def find_efficiency(results: Path) -> Iterator[Efficiency]:
    """Read the efficiency files, whose folder lies beside a folder of results, in the order of their names.

    Raises:
        DataError: A file is not an efficiency file.
    """
    for path in sorted((results.parent / FOLDER).glob("*.json"), key=lambda path: path.stem):
        yield read_record(Efficiency, path, "a file of `nlpie benchmark efficiency`")
