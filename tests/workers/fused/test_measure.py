"""Measured lanes: how many fit, how quick they are, and why they cannot be stacked."""

from typing import Any

import pytest
import torch
from torch import nn

from sweeps.records import Job
from tests.workers.fused.zoo import STACKED, Task, layers
from tests.workers.small import SparseBag, a_job, prepared
from workers.fused import measure
from workers.fused.check import check_stacking
from workers.fused.measure import measure_lanes
from workers.fused.model import CannotFuse
from workers.fused.refusals import is_short_of_memory, why_not

JOBS = (a_job(), a_job(optimizer="AdamW"), a_job(optimizer="LBFGS"))


def test_one_step_alone_and_stacked() -> None:
    probe = measure_lanes(prepared(Task(layers())), JOBS)
    assert probe.refused is None
    assert probe.alone > 0
    assert set(probe.stacked) == {4, 16, 32}
    assert all(seconds > 0 for seconds in probe.stacked.values())
    assert probe.stacked[32] < probe.stacked[4], "a step of 32 lanes is no 8 steps of 4 lanes"
    assert probe.most == 256


def test_optimizers_that_step_alone_are_not_stacked() -> None:
    refused = measure_lanes(prepared(Task(layers())), JOBS[2:]).refused
    assert refused == "none of the optimizers takes gradients that are computed for many lanes at once"
    sparse: list[Job] = [a_job(optimizer="SparseAdam")]
    assert measure_lanes(prepared(SparseBag()), sparse).refused is not None


def test_memory_bounds_the_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    def most(free: int, workers: int = 1) -> int:
        monkeypatch.setattr(measure, "_free_bytes", lambda device: free)
        return measure_lanes(prepared(Task(layers())), JOBS, workers).most

    assert most(10**12) == 256
    some = most(500_000)
    assert 1 < some < 256
    assert most(500_000, workers=2) == pytest.approx(some / 2, abs=1)
    assert most(0) == 1


def test_larger_models_leave_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_free_bytes", lambda device: 5_000_000)

    def wide(width: int) -> Any:
        return lambda: nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 2))

    narrow, broad = (measure_lanes(prepared(Task(wide(width))), JOBS).most for width in (100, 1000))
    assert narrow / 20 < broad < narrow / 5


@pytest.mark.parametrize("name", STACKED)
def test_models_that_train_alike_pass_the_comparison(name: str) -> None:
    ready = prepared(STACKED[name])
    check_stacking(ready, ready.train)


def test_the_comparison_leaves_no_trace() -> None:
    class Counting(Task):
        made = 0

        def model(self) -> nn.Module:
            type(self).made += 1
            return super().model()

    ready = prepared(Counting(layers()))
    Counting.made = 0
    check_stacking(ready, ready.train)
    assert Counting.made == 5, "a template, two alone and two stacked"


def test_single_precision_is_compared_within_its_noise() -> None:
    ready = prepared(Task(layers(lambda: nn.BatchNorm1d(6), bias=False), dtype=torch.float32))
    check_stacking(ready, ready.train)

    class Hidden(nn.Linear):
        def __init__(self) -> None:
            super().__init__(6, 2)
            self.scale = 1 + 0.1 * torch.rand(2)

        def forward(self, x: Any) -> Any:
            return super().forward(x) * self.scale

    ready = prepared(Task(Hidden, dtype=torch.float32))
    with pytest.raises(CannotFuse, match=r"would be .* when lanes are stacked, and is .* alone"):
        check_stacking(ready, ready.train)


def test_what_errors_mean() -> None:
    assert why_not(ValueError("first line\nsecond line")) == "ValueError: first line"
    assert is_short_of_memory(MemoryError())
    assert not is_short_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
