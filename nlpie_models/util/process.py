"""Work in other Python processes, and what this process has: cores, and memory."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from ..errors import NlpieError

Item = TypeVar("Item")
Result = TypeVar("Result")


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


def map_in_processes(function: Callable[[Item], Result], items: Iterable[Item], processes: int) -> Iterator[Result]:
    """Yield what a function returns of each item, in order, reading a bounded number ahead.

    Args:
        function: The function; it, items and results are pickled unless there is one process.
        items: The items; may be endless.
        processes: How many processes share the threads of this one; 1 calls the function in this one.

    Raises:
        NlpieError: The number of processes is not one; or a process has ended before its work was done.
    """
    if type(processes) is not int or processes < 1:
        raise NlpieError(f"expected processes to be a whole number from 1, got {processes!r}")
    if processes == 1:
        yield from map(function, items)
        return
    context = get_context("spawn")
    pool = ProcessPoolExecutor(
        processes,
        mp_context=context,
        initializer=_start_worker,
        initargs=(pickle.dumps(function), max(1, count_threads() // processes), context.Value("i", 0)),
    )
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(pool.submit(_call_function, item))
            if len(running) > processes:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except BrokenProcessPool as error:
        raise NlpieError(
            "a process of several has ended before its work was done: take fewer processes if memory may have run "
            'out, and in a script keep the main part under `if __name__ == "__main__":`'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_function: Callable[[Any], Any]


def _start_worker(pickled: bytes, threads: int, started: Any) -> None:
    """Prepare a process that calls a function, and that ends with the process that started it.

    Args:
        pickled: The function.
        threads: In how many threads it may compute.
        started: How many such processes have started, shared by them.
    """
    global _function
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends both
    Thread(target=_end_with_parent, daemon=True).start()
    with started.get_lock():
        first, started.value = started.value * threads, started.value + 1
    if hasattr(os, "sched_setaffinity"):  # some virtual machines leave all processes on one core
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[first : first + threads] or cores)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if torch := sys.modules.get("torch"):  # has read the variable already
        torch.set_num_threads(threads)
    _function = pickle.loads(pickled)


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(1)


def _call_function(item: Any) -> Any:
    return _function(item)


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
