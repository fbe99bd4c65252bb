"""Benchmarks: time, memory and scores of the package beside those of others; ``nlpie benchmark NAME`` runs one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..results import Provenance, read_record


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark measured, as ``model_cards/benchmarks/NAME.json`` stores it.

    Attributes:
        settings: What was measured: names, sizes and numbers of repetitions.
        results: Figures of each contender, or of each size, by name.
        provenance: Versions, hardware and command.
    """

    settings: dict[str, Any]
    results: dict[str, dict[str, Any]]
    provenance: Provenance


def find_benchmark(results: Path, name: str) -> Iterator[Benchmark]:
    """Yield the stored benchmark of this name beside a folder of results, if there is one.

    Raises:
        DataError: The file is not one.
    """
    path = results.parent / "benchmarks" / f"{name}.json"
    if path.exists():
        yield read_record(Benchmark, path, "a benchmark")
