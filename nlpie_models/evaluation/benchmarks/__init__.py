"""Benchmarks: time, memory and scores of the package beside those of others; ``nlpie benchmark NAME`` runs one."""

from dataclasses import dataclass
from typing import Any

from ..results import Provenance


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
