"""Who is started again: coordinators always, also after they were told to stop and did; a command until it is done."""

import subprocess
import sys

import pytest

from benchmarks.chaos.world import Kept


@pytest.mark.parametrize(("to_end", "code", "starts"), [(False, 0, 3), (False, 1, 3), (True, 0, 1), (True, 1, 3)])
def test_who_has_ended_is_started_again(to_end: bool, code: int, starts: int) -> None:
    begun: list[int] = []

    def start(times: int) -> subprocess.Popen[bytes]:
        begun.append(times)
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"])

    kept = Kept(start, to_end=to_end)
    for _ in range(2):
        kept.process.wait()
        kept.look()
    kept.process.wait()
    assert begun == list(range(starts))
    assert kept.done == (to_end and code == 0)
