"""A schedule is the stock torch scheduler's, whether it is read from a table or stepped live."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sweeps.catalogue import SCHEDULERS
from sweeps.domains import Value
from sweeps.objective import Objective
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Ramp
from tests.workers.small import a_job
from workers.optimizers import group_lrs
from workers.schedules import PlateauSchedule, build_schedule, schedule_table

GRID: dict[str, list[dict[str, Value]]] = {
    "none": [{}],
    "StepLR": [{"step_size": 1}, {"step_size": 7, "gamma": 0.5}, {"step_size": 100}],
    "MultiStepLR": [{"milestones": (1,)}, {"milestones": (3, 4, 20), "gamma": 0.3}, {"milestones": (500,)}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 1.1}],
    "CosineAnnealingLR": [{"T_max": 30}, {"T_max": 7, "eta_min": 0.01}, {"T_max": 1}],
    "CosineAnnealingWarmRestarts": [{"T_0": 5}, {"T_0": 3, "T_mult": 2, "eta_min": 1e-3}, {"T_0": 1}],
    "ConstantLR": [{}, {"factor": 0.01, "total_iters": 2}, {"factor": 1.0, "total_iters": 0}],
    "LinearLR": [{}, {"start_factor": 0.01, "total_iters": 12}, {"end_factor": 0.0, "total_iters": 3}],
    "PolynomialLR": [{}, {"total_iters": 30, "power": 2.0}, {"total_iters": 1, "power": 0.5}],
    "LambdaLR": [{"lr_lambda": "0.95 ** epoch"}, {"lr_lambda": "1 / (1 + epoch // 10)"}],
    "MultiplicativeLR": [{"lr_lambda": "0.9"}, {"lr_lambda": "0.5 if epoch == 3 else 1"}],
    "OneCycleLR": [{}, {"pct_start": 0.1, "anneal_strategy": "linear", "three_phase": True}, {"cycle_momentum": False}],
    "CyclicLR": [{}, {"step_size_up": 4, "step_size_down": 2, "mode": "triangular2"}, {"base_lr": 0.001}],
}
FORMULAS = {
    "0.95 ** epoch": lambda epoch: 0.95**epoch,
    "1 / (1 + epoch // 10)": lambda epoch: 1 / (1 + epoch // 10),
    "0.9": lambda epoch: 0.9,
    "0.5 if epoch == 3 else 1": lambda epoch: 0.5 if epoch == 3 else 1,
}
"""What the expressions of the grid mean, written out."""
tables = pytest.mark.parametrize(
    ("name", "params"), [(name, params) for name, grid in GRID.items() for params in grid], ids=str
)


def optimizer_with(lrs: tuple[float, ...]) -> Optimizer:
    return SGD([{"params": [nn.Parameter(torch.zeros(2))], "lr": lr} for lr in lrs])


def plain_loop(name: str, params: dict[str, Value], lrs: tuple[float, ...], length: int) -> list[tuple[float, ...]]:
    """The LRs of every epoch of a loop that steps the stock scheduler after it."""
    optimizer = optimizer_with(lrs)
    keywords: dict[str, Any] = {
        key: FORMULAS.get(value, value) if key == "lr_lambda" else value for key, value in params.items()
    }
    if name == "OneCycleLR":
        keywords |= {"max_lr": list(lrs), "total_steps": length}
    if name == "CyclicLR":
        lower = {"base_lr": [lr / 4 for lr in lrs], "step_size_up": length // 8}
        keywords = lower | keywords | {"max_lr": list(lrs)}
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **keywords) if name != "none" else None
    table = []
    for _ in range(length):
        table.append(group_lrs(optimizer))
        optimizer.step()
        if scheduler is not None and len(table) < length:
            scheduler.step()
    return table


def test_every_scheduler_is_in_the_grid_but_the_one_that_listens() -> None:
    assert set(GRID) == set(SCHEDULERS) - {"ReduceLROnPlateau"}


@tables
def test_the_table_is_what_a_plain_loop_would_see(name: str, params: dict[str, Value]) -> None:
    assert list(schedule_table(name, params, [0.1], 40).lrs) == plain_loop(name, params, (0.1,), 40)


@tables
def test_groups_have_their_own_lrs(name: str, params: dict[str, Value]) -> None:
    lrs = (0.1, 0.01, 0.5)
    table = list(schedule_table(name, params, lrs, 25).lrs)
    assert table == plain_loop(name, params, lrs, 25)
    assert len({len(row) for row in table}) == 1 == len(set(map(len, table)))


@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ExponentialLR", "ConstantLR", "LinearLR", "PolynomialLR"])
@given(ratio=st.floats(1e-3, 1e3), low=st.floats(1e-4, 1.0))
@settings(max_examples=10)
def test_the_ratio_between_groups_survives(name: str, ratio: float, low: float) -> None:
    for params in GRID[name]:
        for one, other in schedule_table(name, params, [low, low * ratio], 15).lrs:
            assert other == pytest.approx(one * ratio)


@pytest.mark.parametrize("name", ["OneCycleLR", "CyclicLR"])
@pytest.mark.parametrize(
    ("optimizer", "stock"),
    [
        ("SGD", lambda group: SGD(group, momentum=0.9)),
        ("RMSprop", lambda group: torch.optim.RMSprop(group, momentum=0.9)),
        ("AdamW", torch.optim.AdamW),
        ("NAdam", torch.optim.NAdam),
    ],
)
def test_momentum_is_cycled_like_the_stock_scheduler_does(name: str, optimizer: str, stock: Any) -> None:
    real = stock([{"params": [nn.Parameter(torch.zeros(2))], "lr": 0.1}])
    keywords: dict[str, Any] = {"max_lr": 0.1}
    keywords |= {"total_steps": 24} if name == "OneCycleLR" else {"base_lr": 0.025, "step_size_up": 3}
    scheduler = getattr(torch.optim.lr_scheduler, name)(real, **keywords)
    seen = []
    for step in range(24):
        group = real.param_groups[0]
        seen.append((group["betas"][0] if "betas" in group else group["momentum"],))
        real.step()
        if step < 23:
            scheduler.step()
    options: dict[str, Value] = {} if optimizer in ("AdamW", "NAdam") else {"momentum": 0.9}
    table = schedule_table(name, {}, [0.1], 24, optimizer=optimizer, optimizer_params=options)
    assert table.momenta == tuple(seen)
    assert table.by_step


@pytest.mark.parametrize("optimizer", ["Adagrad", "Adadelta", "ASGD"])
def test_where_there_is_no_momentum_none_is_cycled(optimizer: str) -> None:
    table = schedule_table("OneCycleLR", {}, [0.1], 24, optimizer=optimizer)
    assert table.momenta is None
    assert table.lrs[0] == (pytest.approx(0.1 / 25),)


def test_to_build_a_table_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    schedule_table("CosineAnnealingLR", {"T_max": 5}, [0.1], 20)
    assert torch.equal(torch.rand(3), expected)


# --- in force


@pytest.mark.parametrize("budget", [Budget(epochs=4), Budget(steps=17)])
def test_an_epochs_lr_is_in_force_during_all_of_its_steps(budget: Budget) -> None:
    optimizer = optimizer_with((0.8, 0.08))
    job = a_job(scheduler="StepLR", scheduler_params={"step_size": 2, "gamma": 0.5}, budget=budget)
    schedule = build_schedule(job, optimizer, steps_per_epoch=5)
    seen = []
    for step in range(budget.total_steps(5)):
        schedule.set(epoch=step // 5, step=step)
        seen.append(group_lrs(optimizer))
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
    schedule = build_schedule(a_job(ramp=ramp, initial_lr=low, budget=Budget(steps=steps)), optimizer, 7)
    seen = []
    for step in range(steps):
        schedule.set(epoch=step // 7, step=step)
        seen.append(group_lrs(optimizer))
    assert [first for first, _ in seen] == ramp_lrs(ramp)
    assert [second for _, second in seen] == pytest.approx([lr * ratio for lr in ramp_lrs(ramp)])


# --- the one that listens


def follow(schedule: PlateauSchedule, optimizer: Optimizer, metrics: list[float]) -> list[float]:
    """The LR of every epoch."""
    lrs = []
    for epoch, metric in enumerate(metrics):
        schedule.set(epoch=epoch, step=epoch)
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.epoch_done(metric)
    return lrs


def test_the_known_trace_of_a_plateau() -> None:
    # SGD at 0.1, metric 0.5, but 0.4 from the step of epoch 5 on: the LR falls after epochs 16, 37 and 58.
    optimizer = optimizer_with((0.1,))
    params = {"factor": 0.1, "patience": 10, "cooldown": 10, "min_lr": 1e-4}
    schedule = PlateauSchedule(optimizer, Objective(direction="minimize"), params)
    lrs = follow(schedule, optimizer, [0.5] * 5 + [0.4] * 195)
    expected = [0.1] * 17 + [1e-2] * 21 + [1e-3] * 21 + [1e-4] * 141
    assert lrs == pytest.approx(expected)


@given(
    metrics=st.lists(st.integers(0, 8).map(float), min_size=1, max_size=40),
    direction=st.sampled_from(["minimize", "maximize"]),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    mode=st.sampled_from(["rel", "abs"]),
    threshold=st.sampled_from([1e-4, 0.5, 2.0]),
)
def test_a_plateau_follows_the_stock_one(
    metrics: list[float], direction: Any, patience: int, cooldown: int, mode: Any, threshold: float
) -> None:
    params = {
        "factor": 0.5,
        "patience": patience,
        "cooldown": cooldown,
        "threshold": threshold,
        "threshold_mode": mode,
        "min_lr": 0.01,
    }
    ours, theirs = optimizer_with((0.8,)), optimizer_with((0.8,))
    stock = ReduceLROnPlateau(theirs, mode={"minimize": "min", "maximize": "max"}[direction], **params)
    expected = []
    for metric in metrics:
        expected.append(theirs.param_groups[0]["lr"])
        theirs.step()
        stock.step(metric)
    assert follow(PlateauSchedule(ours, Objective(direction=direction), params), ours, metrics) == expected


def test_a_plateau_goes_on_from_its_state() -> None:
    metrics = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9]
    params = {"factor": 0.5, "patience": 1, "cooldown": 1}
    whole = optimizer_with((0.8,))
    expected = follow(PlateauSchedule(whole, Objective(), params), whole, metrics)
    for at in range(1, len(metrics)):
        first, second = optimizer_with((0.8,)), optimizer_with((0.8,))
        left = PlateauSchedule(first, Objective(), params)
        lrs = follow(left, first, metrics[:at])
        resumed = PlateauSchedule(second, Objective(), params)
        second.load_state_dict(first.state_dict())
        resumed.load_state_dict(left.state_dict())
        assert lrs + follow(resumed, second, metrics[at:]) == expected
    assert len(set(expected)) == 3


def test_a_plateau_is_live_and_all_others_are_tables() -> None:
    for name, row in SCHEDULERS.items():
        params = {key: rule(9) for key, rule in row.from_budget.items()}
        job = a_job(scheduler=name, scheduler_params=params, budget=Budget(epochs=9))
        schedule = build_schedule(job, optimizer_with((0.1,)), 5)
        assert isinstance(schedule, PlateauSchedule) is (name == "ReduceLROnPlateau")
        assert bool(schedule.state_dict()) is (name == "ReduceLROnPlateau")
