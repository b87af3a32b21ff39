"""A sweep's process is ended with all that it has started, whatever process groups that is in."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.coordinator.children import kill_session

CODE = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
# Ray gives its workers groups of their own.
for group in (None, 0):
    print(subprocess.Popen(sleep, process_group=group).pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True, start_new_session=True)
    yield process
    process.kill()
    process.communicate()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_of_a_session_is_left(leader: subprocess.Popen[str], is_there: bool) -> None:
    assert leader.stdout is not None
    started = [int(leader.stdout.readline()) for _ in range(2)]
    if not is_there:
        leader.kill()
        leader.wait()
    assert all(alive(pid) for pid in started)
    kill_session(leader.pid)
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in [leader.pid, *started]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
