"""Work that several processes share: its order, how far it reads ahead, and what ends it."""

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from nlpie_models.errors import NlpieError, UnknownName
from nlpie_models.util.process import count_threads, map_in_processes

START_AND_WAIT = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[1])
from test_work_in_processes import wait_beside
from nlpie_models.util.process import map_in_processes

if __name__ == "__main__":
    list(map_in_processes(wait_beside, [pathlib.Path(sys.argv[2], name) for name in "ab"], 2))
"""


def describe(number: int) -> tuple[int, int, int]:
    time.sleep(0.2 if number == 0 else 0.05)
    return number, os.getpid(), count_threads()


def end_at_two(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_at_two(number: int) -> int:
    if number == 2:
        raise UnknownName("thing", "tow", ["one", "two"])
    return number


def wait_beside(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(600)


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_order_reading_ahead_and_threads(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    taken = []
    results = map_in_processes(describe, (taken.append(number) or number for number in count()), 2)
    found = [next(results) for _ in range(12)]
    results.close()
    assert [number for number, _, _ in found] == list(range(12))
    assert len({process for _, process, _ in found} - {os.getpid()}) == 2
    assert {threads for _, _, threads in found} == {2}
    assert len(taken) <= 12 + 2
    assert not any(is_running(process) for _, process, _ in found)


def test_an_error_keeps_its_message() -> None:
    results = map_in_processes(fail_at_two, range(4), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(UnknownName, match=r"^Unknown thing 'tow'\. Did you mean 'two'\? Known: one, two\.$"):
        next(results)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL here")
def test_a_killed_process_is_an_error() -> None:
    with pytest.raises(NlpieError, match="ended before its work was done: take fewer processes if memory"):
        list(map_in_processes(end_at_two, range(6), 2))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processes_end_with_the_one_that_started_them(tmp_path) -> None:
    script = tmp_path / "start.py"
    script.write_text(START_AND_WAIT)
    parent = subprocess.Popen([sys.executable, script, Path(__file__).parent, tmp_path])
    files = [tmp_path / name for name in "ab"]
    deadline = time.monotonic() + 60
    while not all(file.exists() and file.read_text() for file in files):
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while any(is_running(int(file.read_text())) for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.05)
