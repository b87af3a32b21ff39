"""What every test here needs: one thread, numbers as they come, and hypothesis without a clock."""

from typing import Any

import pytest
import torch
from hypothesis import settings
from torch import Tensor

import workers.fused.linear
import workers.products
from workers.products import bmm, onednn_is_exact

# A busy machine is no failure, and the same tests run every time.
settings.register_profile("lrsweep", deadline=None, derandomize=True)
settings.load_profile("lrsweep")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """In fixtures of modules, too: on a busy machine two threads are ten times slower on small models."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def plain_arithmetic() -> None:
    """One thread, and subnormal numbers: a worker changes both for its whole process."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)


@pytest.fixture
def wide_products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Large products of linear layers are oneDNN's on any processor where they are exact; the lanes of each."""
    if not onednn_is_exact():
        pytest.skip("on this processor oneDNN rounds products")
    lanes: list[int] = []

    def noted(one: Tensor, other: Tensor, *, wide: bool) -> Any:
        lanes.extend([len(one)] if wide else [])
        return bmm(one, other, wide=wide)

    monkeypatch.setattr(workers.products, "onednn_is_wide_and_exact", lambda: True)
    monkeypatch.setattr(workers.fused.linear, "bmm", noted)
    return lanes
