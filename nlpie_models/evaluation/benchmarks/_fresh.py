"""A new Python process that imports the package, loads a pipeline and annotates: its time and its peak memory.

Run as a module, this file is that process.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...util.process import call_fresh, peak_memory


@dataclass(frozen=True)
class FreshProcess:
    """What a new process took.

    Attributes:
        seconds: From its start to its end, by the clock.
        peak_bytes: Its peak memory (resident set).
    """

    seconds: float
    peak_bytes: int


def run_fresh(load: Mapping[str, Any], notes: Sequence[str]) -> FreshProcess:
    """Annotate notes in a new process; without notes, it imports the package and loads nothing.

    Args:
        load: Arguments of ``load_clinical``, JSON-ready.
        notes: The notes.

    Raises:
        NlpieError: The process failed.
    """
    start = time.perf_counter()
    written = call_fresh(__name__, {"load": load, "notes": notes}, "annotate")
    seconds = time.perf_counter() - start
    return FreshProcess(seconds, int(written.split()[-1]))


def _main() -> None:
    from ...pipelines import load_clinical

    asked = json.load(sys.stdin)
    if asked["notes"]:
        for _ in load_clinical(**asked["load"]).stream(asked["notes"]):
            pass
    sys.stdout.write(f"{peak_memory()}\n")


if __name__ == "__main__":
    _main()
