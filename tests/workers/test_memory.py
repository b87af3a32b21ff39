"""A worker keeps the memory that it has freed."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from workers.memory import keep_freed_memory

FAULTS = """
import resource, torch
from workers.memory import keep_freed_memory
torch.set_num_threads(1)
{before}
def churn():
    for _ in range(10):
        several = [torch.empty(1_000_000).fill_(1.0) for _ in range(10)]
        del several
churn()
begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
churn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun)
"""


def faults(before: str) -> int:
    """Pages that the system hands out while tensors of 4 MB come and go, ten at a time."""
    run = subprocess.run([sys.executable, "-c", FAULTS.format(before=before)], capture_output=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_freed_memory_is_used_again() -> None:
    # Without it about 97,000 pages, where the heap happens to end with these tensors.
    assert faults("keep_freed_memory()") < 1000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    keep_freed_memory()
