"""Measured lanes: how many fit, how quick they are, and why they cannot be stacked."""

from typing import Any

import pytest
import torch
from torch import nn

from sweeps.lanerecords import LaneProbe, Rehearsal
from sweeps.records import Job
from tests.workers.fused.zoo import STACKED, Task, layers
from tests.workers.small import SparseBag, a_job, prepared
from workers.fused import fitting, linear, measure
from workers.fused.check import check_stacking
from workers.fused.measure import measure_lanes
from workers.fused.refusals import why_not
from workers.fused.stacking import Stacking
from workers.fused.template import CannotFuse
from workers.memory import is_short_of_memory
from workers.tasks.digits import DigitsMLP

JOBS = (a_job(), a_job(optimizer="AdamW"), a_job(optimizer="LBFGS"))


def measured(task: Any, jobs: Any = JOBS, **wanted: Any) -> LaneProbe:
    """What is found out about 32 lanes of a task, without a compiler."""
    return measure_lanes(Stacking(prepared(task)), jobs, Rehearsal(**{"lanes": 32, "compile": "off", **wanted}))


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rounds, however long they take."""
    monkeypatch.setattr(measure, "_SECONDS", 60.0)
    monkeypatch.setattr(measure, "_ROUNDS", range(3, 4))


@pytest.mark.usefixtures("unhurried")
def test_one_step_alone_and_stacked() -> None:
    few, many = (measured(Task(layers()), lanes=lanes) for lanes in (2, 32))
    for probe, lanes in ((few, 2), (many, 32)):
        assert probe.refused is None
        assert probe.alone > 0
        assert set(probe.stacked) == {lanes}
        assert probe.most == 256
        assert probe.stacked[lanes] > 0


def test_every_optimizer_is_timed_alone_once() -> None:
    class Counting(Task):
        made = 0

        def model(self) -> nn.Module:
            type(self).made += 1
            return super().model()

    ready = prepared(Counting(layers()))
    stacking = Stacking(ready)
    stacking.model(ready.train)
    pairs = [a_job(optimizer=each, scheduler=own) for each in ("SGD", "Adam") for own in ("none", "ExponentialLR")]
    Counting.made = 0
    measure_lanes(stacking, pairs, Rehearsal(lanes=2, compile="off"))
    # One of each, to see what it needs; 2 and 4 for the memory, and a model each time to count its bytes; two alone
    # and two stacked.
    assert Counting.made == 2 + (2 + 1 + 4 + 1) + 2 + 2


@pytest.mark.usefixtures("unhurried")
def test_fewer_lanes_are_timed_where_time_is_short() -> None:
    assert set(measured(Task(layers()), steps=1).stacked) == {4}
    assert set(measured(Task(layers()), steps=10**6).stacked) == {32}


@pytest.mark.parametrize(
    ("crowded", "exact", "stacked", "planned"),
    [
        # Twice as slow a moment for the fewer lanes, and for what is alone beside them.
        (1.1, False, {32: 1.1, 8: 0.7}, 8),
        (0.8, False, {32: 0.8}, 32),
        (1.1, True, {32: 1.1}, 32),
        (0.95, False, {32: 0.95, 8: 0.7}, 8),
    ],
)
def test_fewer_lanes_are_tried_where_many_gain_nothing(
    monkeypatch: pytest.MonkeyPatch, crowded: float, exact: bool, stacked: dict[int, float], planned: int
) -> None:
    moments = iter([(1.0, 32 * crowded), (2.0, 2 * 8 * 0.7)])

    def medians(device: torch.device, steps: Any, limit: float) -> list[float]:
        alone, together = next(moments)
        return [*[alone] * (len(steps) - 1), together]

    monkeypatch.setattr(measure, "_medians", medians)
    stacking = Stacking(prepared(Task(layers())))
    probe = measure_lanes(stacking, JOBS, Rehearsal(lanes=32, exact=exact, compile="off"))
    assert probe.refused is None
    assert probe.stacked == pytest.approx(stacked)
    assert stacking.planned == planned


def test_optimizers_that_step_alone_are_not_stacked() -> None:
    refused = measured(Task(layers()), JOBS[2:]).refused
    assert refused == "none of the optimizers takes gradients that are computed for many lanes at once"
    sparse: list[Job] = [a_job(optimizer="SparseAdam")]
    assert measured(SparseBag(), sparse).refused is not None


def test_memory_bounds_the_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    def most(free: int, workers: int = 1) -> int:
        monkeypatch.setattr(fitting, "free_bytes", lambda device: free)
        return measured(Task(layers()), workers=workers).most

    assert most(10**12) == 256
    some = most(500_000)
    assert 1 < some < 256
    assert most(500_000, workers=2) == pytest.approx(some / 2, abs=1)
    assert most(0) == 1


def test_larger_models_leave_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "free_bytes", lambda device: 5_000_000)

    def wide(width: int) -> Any:
        return lambda: nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 2))

    narrow, broad = (measured(Task(wide(width))).most for width in (100, 1000))
    assert narrow / 20 < broad < narrow / 5


def test_copies_that_wide_products_need_count(monkeypatch: pytest.MonkeyPatch, wide_products: list[int]) -> None:
    monkeypatch.setattr(fitting, "free_bytes", lambda device: 100_000_000)
    copied = measured(DigitsMLP(), lanes=40).most
    assert wide_products
    monkeypatch.setattr(linear, "onednn_pays", lambda multiplications, like: False)
    assert copied < measured(DigitsMLP(), lanes=40).most


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
