"""A table is what the stock torch scheduler does, nested ones, their functions and their momentum included."""

import re
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD

from sweeps.catalogue import SCHEDULERS
from sweeps.domains import Value
from tests.workers.stockschedules import GRID, lrs_of, optimizer_with, plain_loop
from workers import classes
from workers.momentum import momentum_kind
from workers.scheduletable import schedule_table

tables = pytest.mark.parametrize(
    ("name", "params"), [(name, params) for name, grid in GRID.items() for params in grid], ids=str
)


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
    "stock",
    [
        lambda group: SGD(group, momentum=0.9),
        lambda group: torch.optim.RMSprop(group, momentum=0.9),
        torch.optim.AdamW,
        torch.optim.NAdam,
    ],
    ids=["SGD", "RMSprop", "AdamW", "NAdam"],
)
def test_momentum_is_cycled_like_the_stock_scheduler_does(name: str, stock: Any) -> None:
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
    table = schedule_table(name, {}, [0.1], 24, momentum=momentum_kind(real.defaults))
    assert table.momenta == tuple(seen)
    assert table.by_step


@pytest.mark.parametrize("optimizer", ["Adagrad", "Adadelta", "ASGD"])
def test_where_there_is_no_momentum_none_is_cycled(optimizer: str) -> None:
    real = getattr(torch.optim, optimizer)([nn.Parameter(torch.zeros(2))])
    for params in ({}, {"cycle_momentum": True}):
        table = schedule_table("OneCycleLR", params, [0.1], 24, momentum=momentum_kind(real.defaults))
        assert table.momenta is None
        assert table.lrs[0] == (pytest.approx(0.1 / 25),)


def test_only_a_scheduler_that_cycles_momentum_makes_a_nested_one_cycle_it() -> None:
    cycling: dict[str, Value] = {"schedulers": ("LinearLR", "OneCycleLR"), "milestones": (4,)}
    momenta = schedule_table("SequentialLR", cycling, [0.1], 24).momenta
    assert momenta is not None
    assert momenta[:4] == ((0.95,),) * 4
    assert momenta[4:] == schedule_table("OneCycleLR", {}, [0.1], 20).momenta
    for params in ({**cycling, "1.cycle_momentum": False}, {"schedulers": ("LinearLR", "StepLR"), "milestones": (4,)}):
        assert schedule_table("SequentialLR", params, [0.1], 24).momenta is None


def test_to_build_a_table_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    schedule_table("CosineAnnealingLR", {"T_max": 5}, [0.1], 20)
    assert torch.equal(torch.rand(3), expected)


# --- nested: how long each part is made for


@given(data=st.data(), count=st.integers(2, 4), ticks=st.integers(4, 60))
@settings(max_examples=30)
def test_a_part_lasts_from_its_milestone_to_the_next(data: st.DataObject, count: int, ticks: int) -> None:
    milestones = tuple(sorted(data.draw(st.sets(st.integers(1, ticks - 1), min_size=count - 1, max_size=count - 1))))
    params: dict[str, Value] = {"schedulers": ("CosineAnnealingLR",) * count, "milestones": milestones}
    table = schedule_table("SequentialLR", params, [0.8], ticks).lrs
    for start, end in pairwise((0, *milestones, ticks)):
        alone = schedule_table("CosineAnnealingLR", {"T_max": end - start}, [0.8], end - start).lrs
        assert [row[0] for row in table[start:end]] == pytest.approx([row[0] for row in alone], abs=1e-12)


def test_a_chained_part_lasts_as_long_as_the_whole() -> None:
    params: dict[str, Value] = {"schedulers": ("ConstantLR", "CosineAnnealingLR"), "0.factor": 1.0}
    assert schedule_table("ChainedScheduler", params, [0.8], 30) == schedule_table("CosineAnnealingLR", {}, [0.8], 30)


def test_parts_go_by_steps_if_one_of_them_does() -> None:
    params: dict[str, Value] = {"schedulers": ("StepLR", "OneCycleLR"), "milestones": (6,), "0.step_size": 2}
    table = schedule_table("SequentialLR", params, [0.8], 20, 5)
    assert table.by_step
    assert len(table.lrs) == 20
    assert table == schedule_table("SequentialLR", params, [0.8], 20, 1)
    by_epoch = schedule_table("SequentialLR", {**params, "schedulers": ("StepLR", "StepLR")}, [0.8], 20, 5)
    assert (by_epoch.by_step, len(by_epoch.lrs)) == (False, 4)


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("SequentialLR", {"schedulers": ("StepLR", "ReduceLROnPlateau"), "milestones": (3,)}, "waits for a metric"),
        ("SequentialLR", {"schedulers": ("none", "StepLR"), "milestones": (3,)}, "give ConstantLR with factor 1"),
        ("SequentialLR", {"schedulers": ("StepLR", "ChainedScheduler"), "milestones": (3,)}, "put it first"),
        ("SequentialLR", {"schedulers": ("SequentialLR", "StepLR"), "milestones": (3,)}, "into the outer one"),
        ("SequentialLR", {"schedulers": ("StepLR", "StepLR")}, "2 schedulers and 0 milestones"),
        ("SequentialLR", {"schedulers": ("StepLR",)}, "at least two"),
        ("SequentialLR", {"schedulers": ("StepLR", "SteplR"), "milestones": (3,)}, "did you mean 'StepLR'"),
        ("ChainedScheduler", {"schedulers": ()}, "at least one scheduler"),
        ("ChainedScheduler", {"schedulers": ("StepLR", "ReduceLROnPlateau")}, "waits for a metric"),
        ("OneCycleLR", {"total_steps": 29}, "total_steps of OneCycleLR is 29, and 30 steps are to be made"),
        (
            "SequentialLR",
            {"schedulers": ("LinearLR", "OneCycleLR"), "milestones": (5,), "1.total_steps": 24},
            "total_steps of OneCycleLR is 24, and 25 steps",
        ),
        ("LambdaLR", {"lr_lambda": ("0.9", "0.8")}, "2 functions and the trial 1 param group;"),
        ("ChainedScheduler", {"schedulers": ("LambdaLR",), "0.lr_lambda": ("0.9",) * 3}, "3 functions"),
        ("LambdaLR", {"lr_lambda": "math:pi"}, "math:pi is no function but a float"),
    ],
)
def test_what_cannot_be_says_why(name: str, params: dict[str, Value], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        schedule_table(name, params, [0.8], 30)


def test_a_longer_one_cycle_is_cut() -> None:
    longer = schedule_table("OneCycleLR", {"total_steps": 50}, [0.8], 30)
    assert longer.lrs == schedule_table("OneCycleLR", {}, [0.8], 50).lrs[:30]


# --- functions


def halved(epoch: int) -> float:
    return 0.5**epoch


def test_a_function_by_path_is_called_with_the_epoch() -> None:
    path = f"{__name__}:halved"
    assert schedule_table("LambdaLR", {"lr_lambda": path}, [0.8], 4).lrs == ((0.8,), (0.4,), (0.2,), (0.1,))
    nested: dict[str, Value] = {"schedulers": ("LambdaLR",), "0.lr_lambda": path}
    assert schedule_table("ChainedScheduler", nested, [0.8], 4).lrs == ((0.8,), (0.4,), (0.2,), (0.1,))


def test_a_function_that_came_with_the_sweep_need_not_be_importable() -> None:
    classes.provide({"my/own.py:halved": halved})
    try:
        table = schedule_table("LambdaLR", {"lr_lambda": "my/own.py:halved"}, [0.8], 3)
    finally:
        classes.provide({})
    assert table.lrs == ((0.8,), (0.4,), (0.2,))


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR"])
def test_each_group_has_its_own_function(name: str) -> None:
    table = schedule_table(name, {"lr_lambda": ("0.5", f"{__name__}:halved", "1")}, [0.8, 0.4, 0.2], 4)
    stock = optimizer_with((0.8, 0.4, 0.2))
    scheduler = getattr(torch.optim.lr_scheduler, name)(stock, [lambda epoch: 0.5, halved, lambda epoch: 1])
    for row in table.lrs:
        assert row == lrs_of(stock)
        stock.step()
        scheduler.step()
