"""A fresh Python process that imports the package, loads a pipeline and annotates, timed and weighed.

Run as a module, this file is that process. It asks for its memory itself: on Linux the ``ru_maxrss`` of a process
starts at that of the one which started it, so the kernel's own mark of this process is read there.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NlpieError


@dataclass(frozen=True)
class FreshProcess:
    """What a fresh process took.

    Attributes:
        seconds: From its start to its end, by the clock.
        peak_bytes: Most memory that it held (resident set).
    """

    seconds: float
    peak_bytes: int


def run_fresh(load: Mapping[str, Any], notes: Sequence[str]) -> FreshProcess:
    """Annotate notes in a fresh process; without notes, it imports the package and loads nothing.

    Args:
        load: Arguments of ``load_clinical``, JSON-ready.
        notes: The notes.

    Raises:
        NlpieError: The process failed.
    """
    start = time.perf_counter()
    said = call_fresh(__name__, {"load": load, "notes": notes}, "annotate")
    seconds = time.perf_counter() - start
    return FreshProcess(seconds, int(said.split()[-1]))


def call_fresh(module: str, asked: Any, what: str, **environment: str) -> str:
    """Run a module of ours in a fresh process and return what it writes.

    Args:
        module: Its name.
        asked: What it reads, JSON-ready.
        what: What it could not do, for the error.
        **environment: Variables besides those of this process.

    Raises:
        NlpieError: The process failed.
    """
    # It must import the very package that is running, wherever that was imported from.
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", module],
        input=json.dumps(asked).encode(),
        capture_output=True,
        env=os.environ | path | environment,
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        raise NlpieError(f"a fresh process could not {what}: {said[-1] if said else f'code {ended.returncode}'}")
    return ended.stdout.decode()


def peak_memory() -> int:
    """Return the most memory, in bytes, that this process has held so far (resident set)."""
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE) if status.exists() else None
    if found:
        return int(found[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _main() -> None:
    from ..pipelines import load_clinical

    asked = json.load(sys.stdin)
    if asked["notes"]:
        for _ in load_clinical(**asked["load"]).stream(asked["notes"]):
            pass
    sys.stdout.write(f"{peak_memory()}\n")


if __name__ == "__main__":
    _main()
