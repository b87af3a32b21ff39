"""A schedule puts into each group of an optimizer what the group's scheduler says of its LR."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Optimizer

from sweeps.groups import ParamGroup
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Job, Ramp
from tests.workers.small import a_job
from tests.workers.stockschedules import lrs_of, optimizer_with, plain_loop
from workers.schedules import Schedule, build_schedule
from workers.scheduletable import schedule_table


@pytest.mark.parametrize("budget", [Budget(epochs=4), Budget(steps=17)])
def test_an_epochs_lr_is_in_force_during_all_of_its_steps(budget: Budget) -> None:
    optimizer = optimizer_with((0.8, 0.08))
    job = a_job(scheduler="StepLR", scheduler_params={"step_size": 2, "gamma": 0.5}, budget=budget)
    schedule = build_schedule(job, optimizer, (0.8, 0.08), steps_per_epoch=5)
    seen = []
    for step in range(budget.total_steps(5)):
        schedule.set(epoch=step // 5, step=step)
        seen.append(lrs_of(optimizer))
    assert seen == ([(0.8, 0.08)] * 10 + [(0.4, 0.04)] * 10)[: len(seen)]


@given(
    low=st.floats(1e-6, 1e-2),
    factor=st.floats(2, 1e4),
    steps=st.integers(2, 60),
    ratio=st.sampled_from([1.0, 0.1, 3.0]),
)
@settings(max_examples=20)
def test_a_ramp_changes_the_lr_at_every_step_and_keeps_the_ratio_of_groups(
    low: float, factor: float, steps: int, ratio: float
) -> None:
    ramp = Ramp(low=low, high=low * factor, steps=steps)
    optimizer = optimizer_with((low, low * ratio))
    job = a_job(ramp=ramp, initial_lr=low, budget=Budget(steps=steps))
    schedule = build_schedule(job, optimizer, (low, low * ratio), 7)
    seen = []
    for step in range(steps):
        schedule.set(epoch=step // 7, step=step)
        seen.append(lrs_of(optimizer))
    assert [first for first, _ in seen] == ramp_lrs(ramp)
    assert [second for _, second in seen] == pytest.approx([lr * ratio for lr in ramp_lrs(ramp)])


# --- several groups


def walk(schedule: Schedule, optimizer: Optimizer, steps: int, per_epoch: int) -> list[tuple[float, ...]]:
    """The LRs that stand in the optimizer at each step."""
    seen = []
    for step in range(steps):
        schedule.set(epoch=step // per_epoch, step=step)
        seen.append(lrs_of(optimizer))
    return seen


def grouped(*groups: ParamGroup, **given: Any) -> Job:
    return a_job(groups=groups, initial_lr=0.8, budget=Budget(epochs=6), **given)


HEAD = ParamGroup(name="head", patterns=("head.*",))


def test_a_group_may_have_a_scheduler_of_its_own() -> None:
    own = ParamGroup(
        name="own", patterns=("own.*",), scheduler="StepLR", scheduler_params={"step_size": 2, "gamma": 0.5}
    )
    still = ParamGroup(name="still", patterns=("still.*",), scheduler="none")
    lrs = (0.8, 0.08, 0.4, 8.0)
    optimizer = optimizer_with(lrs)
    schedule = build_schedule(grouped(HEAD, own, still, scheduler="OneCycleLR"), optimizer, lrs, 2)
    trial = plain_loop("OneCycleLR", {}, lrs, 12)
    steps = [row for row in plain_loop("StepLR", {"step_size": 2, "gamma": 0.5}, (0.4,), 6) for _ in range(2)]
    assert schedule.by_step
    assert walk(schedule, optimizer, 12, 2) == [
        (row[0], row[1], step[0], 8.0) for row, step in zip(trial, steps, strict=True)
    ]


def test_without_a_rest_the_groups_begin_at_once() -> None:
    own = ParamGroup(name="own", patterns=("*",), scheduler="ExponentialLR", scheduler_params={"gamma": 0.5})
    optimizer = optimizer_with((0.8, 0.4))
    schedule = build_schedule(grouped(own, HEAD), optimizer, (0.8, 0.4), 1)
    assert not schedule.by_step
    assert walk(schedule, optimizer, 3, 1) == [(0.8, 0.4), (0.4, 0.4), (0.2, 0.4)]


def test_groups_are_found_by_their_mark_and_frozen_ones_have_lrs_too() -> None:
    optimizer = optimizer_with((0.1, 0.1, 0.1))
    for group, mark in zip(optimizer.param_groups, (2, 0, 2), strict=True):
        group["lane_group"] = mark
    job = grouped(HEAD, HEAD, scheduler="ExponentialLR", scheduler_params={"gamma": 0.5})
    schedule = build_schedule(job, optimizer, (0.8, 0.4, 0.2), 1)
    assert schedule.lrs(epoch=1, step=1) == (0.4, 0.2, 0.1)
    schedule.set(epoch=1, step=1)
    assert lrs_of(optimizer) == (0.1, 0.4, 0.1)


def test_a_group_of_its_own_schedule_keeps_its_momentum_beside_a_cycle() -> None:
    own = ParamGroup(name="own", patterns=("own.*",), scheduler="none")
    optimizer = SGD([{"params": [nn.Parameter(torch.zeros(2))], "lr": 0.8, "momentum": m} for m in (0.5, 0.3)])
    schedule = build_schedule(grouped(own, scheduler="OneCycleLR"), optimizer, (0.8, 0.4), 4)
    cycle = schedule_table("OneCycleLR", {}, [0.8], 24).momenta
    assert cycle is not None
    for step in range(24):
        schedule.set(epoch=step // 4, step=step)
        assert [group["momentum"] for group in optimizer.param_groups] == [cycle[step][0], 0.3]
        assert schedule.momenta(epoch=step // 4, step=step) == (cycle[step][0], 0.3)
    assert build_schedule(grouped(own), optimizer, (0.8, 0.4), 4).momenta(epoch=0, step=0) is None


def test_momenta_are_known_before_they_are_in_place_and_zero_of_a_group_that_is_yet_to_come() -> None:
    own, late = (ParamGroup(name=name, patterns=(f"{name}.*",), scheduler="none") for name in ("own", "late"))
    # Two of the optimizer's groups are of `own`: the first of them speaks for it.
    marked = [
        {"params": [nn.Parameter(torch.zeros(2))], "lr": 0.8, "momentum": momentum, "lane_group": mark}
        for mark, momentum in ((0, 0.5), (1, 0.3), (1, 0.2))
    ]
    lrs = (0.8, 0.4, 0.2)
    schedule = build_schedule(grouped(own, late, scheduler="OneCycleLR"), SGD(marked), lrs, 4)
    cycle = schedule_table("OneCycleLR", {}, [0.8], 24).momenta
    assert cycle is not None
    assert schedule.momenta(epoch=1, step=5) == (cycle[5][0], 0.3, 0.0)


def test_a_plateau_lowers_its_own_groups_only() -> None:
    own = ParamGroup(name="own", patterns=("own.*",), scheduler="ReduceLROnPlateau", scheduler_params={"patience": 0})
    optimizer = optimizer_with((0.8, 0.4))
    schedule = build_schedule(grouped(own), optimizer, (0.8, 0.4), 1)
    for metric in (1.0, 1.0):
        schedule.epoch_done(metric)
    assert schedule.lrs(epoch=2, step=2) == pytest.approx((0.8, 0.04))
    other = build_schedule(grouped(own), optimizer_with((0.8, 0.4)), (0.8, 0.4), 1)
    other.load_state_dict(schedule.state_dict())
    assert other.lrs(epoch=2, step=2) == schedule.lrs(epoch=2, step=2)
