"""Measured lanes: how many fit, how quick they are, and why they cannot be stacked."""

import time
from collections.abc import Callable
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
    ("wanted", "most", "lanes", "limit"),
    [
        # Of 0.3 s, three rounds at 10 ms a lane.
        ({"steps": 0}, 256, 10, 0.3),
        ({"steps": 1500}, 256, 10, 0.3),
        # A fiftieth of the work to come: of its time, or of its steps, 16 of which are made.
        ({"steps": 900}, 256, 6, 0.18),
        ({"steps": 100}, 256, 4, 0.02),
        ({"steps": 10_000}, 256, 12, 0.3),
        ({"steps": 10**6}, 256, 32, 0.3),
        ({"steps": 10**6}, 5, 5, 0.3),
        ({"steps": 10**6, "lanes": 3}, 256, 3, 0.3),
        ({"steps": 10**6, "lanes": 1}, 256, 2, 0.3),
    ],
)
def test_so_many_lanes_are_timed_as_the_time_for_it_allows(
    monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any], most: int, lanes: int, limit: float
) -> None:
    limits = []

    def medians(device: torch.device, steps: Any, limit: float) -> list[float]:
        limits.append(limit)
        return [1.0] * len(steps)

    monkeypatch.setattr(measure, "fitting", lambda prepared, stacked, workers: most)
    monkeypatch.setattr(measure, "_timed", lambda device, step: 0.01)
    monkeypatch.setattr(measure, "_medians", medians)
    assert measured(Task(layers()), **wanted).stacked == {lanes: 1.0 / lanes}
    assert limits == pytest.approx([limit])


def test_six_optimizers_are_timed_alone_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = []

    def medians(device: torch.device, steps: Any, limit: float) -> list[float]:
        timed.append(len(steps))
        return [*map(float, range(1, len(steps))), 1.0]

    monkeypatch.setattr(measure, "_medians", medians)
    names = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Adamax", "RAdam")
    probe = measured(Task(layers()), [a_job(optimizer=name) for name in names], lanes=2)
    assert timed == [6 + 1]
    assert probe.alone == 3.5


@pytest.mark.parametrize(
    ("device", "threads", "clock"),
    [("cpu", 1, time.thread_time), ("cpu", 2, time.perf_counter), ("cuda", 1, time.perf_counter)],
)
def test_only_what_one_thread_does_is_timed_by_its_own_clock(
    monkeypatch: pytest.MonkeyPatch, device: str, threads: int, clock: Callable[[], float]
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert measure.clock_of(torch.device(device)) is clock


def test_a_step_takes_the_mean_of_three_after_one_that_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, costs = [0.0], iter([100.0, 1.0, 2.0, 6.0])

    def step() -> None:
        clock[0] += next(costs)

    monkeypatch.setattr(measure, "clock_of", lambda device: lambda: clock[0])
    assert measure._timed(torch.device("cpu"), step) == 3.0


@pytest.mark.parametrize(("limit", "rounds"), [(0.0, 3), (600.0, 40)])
def test_all_kinds_of_steps_are_timed_in_turns_for_three_to_forty_rounds_after_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch, limit: float, rounds: int
) -> None:
    took = iter([float(seconds) for each in (1000, *range(1, 41)) for seconds in (each, 10 * each)])
    turns: list[Any] = []

    def timed(device: torch.device, step: Any) -> float:
        turns.append(step)
        return next(took)

    monkeypatch.setattr(measure, "_timed", timed)
    middle = (1 + rounds) / 2
    assert measure._medians(torch.device("cpu"), [len, max], limit) == [middle, 10 * middle]
    assert turns == [len, max] * (1 + rounds)


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


@pytest.mark.parametrize(
    ("free", "workers", "most"), [(3_000_000, 1, 40), (3_000_000, 2, 20), (1_192_500, 1, 15), (74_999, 1, 1)]
)
def test_lanes_take_two_fifths_of_what_is_free_each_what_it_keeps_and_seven_copies_of_its_parameters(
    monkeypatch: pytest.MonkeyPatch, free: int, workers: int, most: int
) -> None:
    monkeypatch.setattr(fitting, "free_bytes", lambda device: free)

    def stacked(lanes: int) -> Callable[[], object]:
        # Of float32: 2,000 bytes of each lane, and 40,000 that all share.
        own, shared = torch.ones(lanes, 500, requires_grad=True), torch.ones(10_000, requires_grad=True)
        return lambda: (own * own).sum() + (shared * shared).sum()

    # Parameters of 4,000 bytes.
    ready = prepared(Task(lambda: nn.Linear(100, 10, bias=False), dtype=torch.float32))
    assert fitting.fitting(ready, stacked, workers) == most


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
