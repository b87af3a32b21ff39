"""Nested schedulers: one clock for all parts, a stretch for each, and refusals that hold for torch itself."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, LRScheduler, ReduceLROnPlateau, SequentialLR

from sweeps.domains import Value
from sweeps.nesting import clock_of, moves_by_step, parts, stretches, unasked, why_no_part, without_warm_up
from sweeps.schedulers import SCHEDULERS
from workers.scheduletable import schedule_table

DEEP: dict[str, Value] = {
    "schedulers": ("StepLR", "SequentialLR"),
    "0.step_size": 3,
    "1.schedulers": ("ConstantLR", "CosineAnnealingLR"),
    "1.milestones": (4,),
    "1.0.factor": 0.5,
}


@pytest.mark.parametrize(
    ("name", "params", "clock", "by_step"),
    [
        ("none", {}, "none", False),
        ("none", {"warmup": 1}, "none", True),
        ("StepLR", {}, "epoch", False),
        ("ReduceLROnPlateau", {"warmup": 0.5}, "metric", True),
        ("CyclicLR", {}, "step", True),
        ("ChainedScheduler", DEEP, "epoch", False),
        ("ChainedScheduler", {**DEEP, "1.schedulers": ("ConstantLR", "OneCycleLR")}, "step", True),
        ("ChainedScheduler", {**DEEP, "warmup": 2}, "epoch", True),
    ],
)
def test_one_clock_for_all_parts(name: str, params: dict[str, Value], clock: str, by_step: bool) -> None:
    assert clock_of(name, params) == clock
    assert moves_by_step(name, params) is by_step


def test_arguments_belong_to_the_part_whose_number_they_bear() -> None:
    first, second = parts(DEEP)
    assert (first.name, first.params) == ("StepLR", {"step_size": 3})
    assert [(part.name, part.params) for part in parts(second.params)] == [
        ("ConstantLR", {"factor": 0.5}),
        ("CosineAnnealingLR", {}),
    ]
    assert parts({"step_size": 3}) == ()
    many: dict[str, Value] = {"schedulers": ("StepLR",) * 11, "1.gamma": 0.1, "10.gamma": 0.5}
    assert [part.params for part in parts(many)][1::9] == [{"gamma": 0.1}, {"gamma": 0.5}]


def test_a_part_takes_what_is_not_given_from_its_own_stretch() -> None:
    assert unasked("ChainedScheduler", DEEP, 20) == {"1.1.T_max": 16}
    assert unasked("ChainedScheduler", {**DEEP, "1.1.T_max": 3}, 20) == {}
    assert unasked("StepLR", {}, 20) == {"step_size": 6}
    assert without_warm_up({**DEEP, "warmup": 3, "warmup_factor": 0.1}) == DEEP


def test_milestones_beyond_the_end_leave_a_part_one_tick() -> None:
    params: dict[str, Value] = {"schedulers": ("StepLR",) * 3, "milestones": (5, 40)}
    assert stretches("SequentialLR", params, 30) == (5, 35, 1)


def an_optimizer() -> Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)


def halved(optimizer: Optimizer) -> LRScheduler:
    return ConstantLR(optimizer, factor=0.5, total_iters=2)


def chain(optimizer: Optimizer) -> LRScheduler:
    return ChainedScheduler([halved(optimizer)])


def sequence(optimizer: Optimizer) -> LRScheduler:
    return SequentialLR(optimizer, [halved(optimizer), halved(optimizer)], milestones=[3])


def lrs_of(optimizer: Optimizer, scheduler: Callable[[], LRScheduler]) -> list[float]:
    optimizer.step()
    stock, lrs = scheduler(), []
    for _ in range(4):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        stock.step()
    return lrs


# Should torch learn one of these, its refusal here is to go.


@pytest.mark.parametrize(("name", "make"), [("ChainedScheduler", chain), ("SequentialLR", sequence)])
def test_torch_cannot_go_over_to_a_nested_scheduler(name: str, make: Callable[[Optimizer], LRScheduler]) -> None:
    assert why_no_part("SequentialLR", 1, name) is not None
    optimizer = an_optimizer()
    inside = [halved(optimizer), make(optimizer)]
    with pytest.raises(NotImplementedError):
        lrs_of(optimizer, lambda: SequentialLR(optimizer, inside, milestones=[2]))


def test_torch_miscounts_a_sequence_that_begins_with_a_sequence() -> None:
    assert why_no_part("SequentialLR", 0, "SequentialLR") is not None
    alone = an_optimizer()
    whole = sequence(alone)
    assert lrs_of(alone, lambda: whole) == [0.5, 0.5, 1.0, 0.5]
    optimizer = an_optimizer()
    inside = [sequence(optimizer), halved(optimizer)]
    assert lrs_of(optimizer, lambda: SequentialLR(optimizer, inside, milestones=[9])) == [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("outer", ["SequentialLR", "ChainedScheduler"])
def test_torch_refuses_a_plateau_as_a_part(outer: str) -> None:
    optimizer = an_optimizer()
    inside = [halved(optimizer), ReduceLROnPlateau(optimizer)]
    more = {"milestones": [2]} if outer == "SequentialLR" else {}
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        getattr(torch.optim.lr_scheduler, outer)(optimizer=optimizer, schedulers=inside, **more)
    assert why_no_part(outer, 1, "ReduceLROnPlateau") is not None


def test_what_torch_can_nest_is_not_refused() -> None:
    nested = ("SequentialLR", "ChainedScheduler")
    assert [why_no_part("ChainedScheduler", index, inner) for index in (0, 1) for inner in nested] == [None] * 4
    assert why_no_part("SequentialLR", 0, "ChainedScheduler") is None


@pytest.mark.parametrize("outer", [name for name, row in SCHEDULERS.items() if row.nests])
@pytest.mark.parametrize("inner", [name for name, row in SCHEDULERS.items() if not row.nests])
def test_all_that_are_not_refused_can_be_parts(outer: str, inner: str) -> None:
    params: dict[str, Value] = {"schedulers": (inner, inner)}
    if outer == "SequentialLR":
        params["milestones"] = (10,)
    refused = any(why_no_part(outer, index, inner) for index in (0, 1))
    assert refused is (inner in ("none", "ReduceLROnPlateau"))
    if not refused:
        assert len(schedule_table(outer, params, [0.1], 20).lrs) == 20
