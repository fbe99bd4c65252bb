"""Modules of this package that run in a new Python process, and what this process has: cores, and memory."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import NlpieError


def call_fresh(module: str, request: Any, action: str, **environment: str) -> str:
    """Run a module of this package in a fresh process and return its standard output.

    Args:
        module: Name of the module.
        request: What the module reads from its standard input, as JSON.
        action: What the module does, continuing "a fresh process could not ..." in an error.
        **environment: Environment variables to add to those of this process.

    Raises:
        NlpieError: The process failed; with the last line of its standard error.
    """
    # The process must import the same copy of this package, wherever this process found it.
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", module],
        input=json.dumps(request).encode(),
        capture_output=True,
        env=os.environ | path | environment,
    )
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"code {ended.returncode}"
        raise NlpieError(f"a fresh process could not {action}: {reason}")
    return ended.stdout.decode()


def count_threads() -> int:
    """Return how many threads to compute in: ``$OMP_NUM_THREADS``, else one for each core that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> int:
    """Return the largest resident set of this process so far, in bytes."""
    # On Linux ``ru_maxrss`` starts at the value of the parent process; VmHWM in /proc does not.
    status = Path("/proc/self/status")
    mark = re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE) if status.exists() else None
    if mark:
        return int(mark[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
