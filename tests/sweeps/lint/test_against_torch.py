"""What the linter says of schedules is what stock torch schedulers do."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.optim import SGD, lr_scheduler, swa_utils

from sweeps.domains import Fixed
from sweeps.lint import lint
from sweeps.optimizers import OPTIMIZERS
from sweeps.pruning import rungs
from sweeps.records import Budget
from sweeps.spec import OptimizerSpec, PrunerSpec, SchedulerSpec, SweepSpec
from tests.doubles import a_spec

LR = 0.1
counts = st.integers(1, 25)


def torch_lrs(make: Callable[[SGD], Any], ticks: int, feed: Sequence[float] | None = None) -> list[float]:
    """The LR in force at each tick, and after the last one, [ticks + 1]."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(()))], lr=LR)
    scheduler = make(optimizer)
    lrs = [optimizer.param_groups[0]["lr"]]
    for tick in range(ticks):
        optimizer.step()
        scheduler.step(*([] if feed is None else [feed[tick]]))
        lrs.append(optimizer.param_groups[0]["lr"])
    return lrs


def spec_of(
    name: str, ticks: int, *, steps: bool = False, pruner: PrunerSpec | None = None, **params: Any
) -> SweepSpec:
    return a_spec(
        budget=Budget(steps=ticks) if steps else Budget(epochs=ticks),
        optimizers=(OptimizerSpec(name="SGD", lr=Fixed(value=LR)),),
        schedulers=(SchedulerSpec(name=name, params={key: Fixed(value=value) for key, value in params.items()}),),
        pruner=pruner or PrunerSpec(name="none"),
    )


def said(spec: SweepSpec, rule: str, steps_per_epoch: int | None = None) -> str:
    """All messages of one rule."""
    return "; ".join(each.message for each in lint(spec, steps_per_epoch=steps_per_epoch) if each.rule == rule)


def rises(lrs: Sequence[float]) -> bool:
    return any(after > before for before, after in pairwise(lrs))


# What is said, the scheduler, its argument, and whether torch's LRs (in force at each tick, and after) show it.
LENGTHS: list[tuple[str, str, str, Callable[[list[float]], bool]]] = [
    ("never changes", "StepLR", "step_size", lambda lrs: len(set(lrs[:-1])) == 1),
    ("rises again", "CosineAnnealingLR", "T_max", lambda lrs: rises(lrs[:-1])),
    ("not come down to eta_min", "CosineAnnealingLR", "T_max", lambda lrs: min(lrs) > 1e-12),
    (
        "neither comes down to eta_min nor restarts",
        "CosineAnnealingWarmRestarts",
        "T_0",
        lambda lrs: not rises(lrs) and len(set(lrs)) > 1,
    ),
    ("multiplied by factor throughout", "ConstantLR", "total_iters", lambda lrs: max(lrs[:-1]) < LR * 0.999),
    ("not come to end_factor", "LinearLR", "total_iters", lambda lrs: max(lrs) < LR * 0.999),
    ("not come down to 0", "PolynomialLR", "total_iters", lambda lrs: lrs[-1] > 1e-12),
    ("the LR is 0", "PolynomialLR", "total_iters", lambda lrs: lrs[-2] < 1e-12),
    ("not come to swa_lr", "SWALR", "anneal_epochs", lambda lrs: abs(lrs[-1] - LR / 2) > 1e-9),
    ("never comes to its peak", "CyclicLR", "step_size_up", lambda lrs: max(lrs) < LR * 0.999),
]
STOCK: dict[str, Any] = {
    "SWALR": lambda optimizer, **params: swa_utils.SWALR(optimizer, swa_lr=LR / 2, **params),
    "CyclicLR": lambda optimizer, **params: lr_scheduler.CyclicLR(optimizer, base_lr=LR / 4, max_lr=LR, **params),
}


@pytest.mark.parametrize(("words", "name", "argument", "shows"), LENGTHS, ids=[f"{row[1]} {row[0]}" for row in LENGTHS])
@given(value=counts, ticks=st.integers(2, 25))
@settings(max_examples=60)
def test_a_length_is_found_wrong_exactly_where_torch_shows_it(
    words: str, name: str, argument: str, shows: Callable[[list[float]], bool], value: int, ticks: int
) -> None:
    make = STOCK.get(name) or getattr(lr_scheduler, name)
    extra = {"gamma": 0.5} if name == "StepLR" else {}
    lrs = torch_lrs(lambda optimizer: make(optimizer, **{argument: value}, **extra), ticks)
    message = said(spec_of(name, ticks, steps=name == "CyclicLR", **{argument: value}), "lengths")
    assert (words in message) is shows(lrs)


@given(milestones=st.lists(counts, min_size=1, max_size=3, unique=True).map(sorted), ticks=counts)
def test_milestones_are_found_late_exactly_where_torch_never_comes_to_them(milestones: list[int], ticks: int) -> None:
    lrs = torch_lrs(lambda optimizer: lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.5), ticks)
    message = said(spec_of("MultiStepLR", ticks, milestones=tuple(milestones)), "lengths")
    assert ("never happens" in message) is (len(set(lrs[:-1])) < len(milestones) + 1)


@given(patience=st.integers(0, 25), ticks=counts)
def test_a_patience_is_found_too_long_exactly_where_torch_never_lowers_the_lr(patience: int, ticks: int) -> None:
    stalls = [1.0] * ticks
    lrs = torch_lrs(lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=patience), ticks, stalls)
    assert bool(said(spec_of("ReduceLROnPlateau", ticks, patience=patience), "plateau")) is (len(set(lrs[:-1])) == 1)


@given(total=st.integers(2, 30), ticks=st.integers(2, 30))
def test_total_steps_are_an_error_exactly_where_torch_raises(total: int, ticks: int) -> None:
    def make(optimizer: SGD) -> Any:
        return lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=total)

    errors = [
        each for each in lint(spec_of("OneCycleLR", ticks, steps=True, total_steps=total)) if each.severity == "error"
    ]
    try:
        torch_lrs(make, ticks)
    except ValueError:
        assert [each.rule for each in errors] == ["total-steps"]
    else:
        assert errors == []


@given(first=st.integers(2, 8), growth=st.integers(1, 3), ticks=st.integers(3, 25), rung=st.integers(1, 24))
def test_a_rung_lies_in_the_high_half_of_a_restarted_cosine_exactly_where_torch_is_above_half(
    first: int, growth: int, ticks: int, rung: int
) -> None:
    assume(rung < ticks)
    pruner = PrunerSpec(name="asha", first_rung=rung)
    lrs = torch_lrs(lambda opt: lr_scheduler.CosineAnnealingWarmRestarts(opt, first, growth), ticks)
    judged_at = [lrs[epoch - 1] for epoch in rungs(pruner, ticks) if epoch > first]
    message = said(
        spec_of("CosineAnnealingWarmRestarts", ticks, pruner=pruner, T_0=first, T_mult=growth), "judged-in-high-half"
    )
    assert bool(message) is any(lr > LR / 2 + 1e-9 for lr in judged_at)


@given(up=st.integers(1, 60), down=st.integers(1, 60), epochs=st.integers(2, 12), rung=st.integers(1, 11))
def test_a_rung_lies_in_the_high_half_of_a_triangle_exactly_where_torch_is_above_the_middle(
    up: int, down: int, epochs: int, rung: int
) -> None:
    assume(rung < epochs)
    pruner, each_epoch = PrunerSpec(name="median", first_rung=rung), 10
    lrs = torch_lrs(lambda opt: lr_scheduler.CyclicLR(opt, 0.0, LR, up, down), epochs * each_epoch)
    judged_at = [lrs[epoch * each_epoch - 1] for epoch in rungs(pruner, epochs)]
    spec = spec_of("CyclicLR", epochs, pruner=pruner, step_size_up=up, step_size_down=down)
    assert bool(said(spec, "judged-in-high-half", each_epoch)) is any(lr > LR / 2 + 1e-9 for lr in judged_at)


RISES: list[tuple[str, dict[str, Any]]] = [
    ("LinearLR", {"total_iters": 4}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 4}),
    ("ConstantLR", {"total_iters": 4}),
    ("ConstantLR", {"factor": 1.0, "total_iters": 4}),
    ("OneCycleLR", {}),
    ("OneCycleLR", {"pct_start": 0.5}),
    ("StepLR", {"step_size": 3}),
    ("CosineAnnealingLR", {"T_max": 12}),
]


@pytest.mark.parametrize(("name", "params"), RISES)
@pytest.mark.parametrize("rung", range(1, 12))
def test_a_rung_lies_inside_the_rise_exactly_where_torch_has_not_fully_trained_at_its_peak(
    name: str, params: dict[str, Any], rung: int
) -> None:
    epochs, each_epoch = 12, 10
    by_step = name == "OneCycleLR"
    length = {"max_lr": LR, "total_steps": epochs * each_epoch} if by_step else {}
    make = getattr(lr_scheduler, name)
    lrs = torch_lrs(lambda opt: make(opt, **length, **params), epochs * (each_epoch if by_step else 1) - 1)
    before_rung = lrs[: rung * (each_epoch if by_step else 1)]
    still_rising = rises(lrs) and max(before_rung) < LR * 0.999
    message = said(
        spec_of(name, epochs, pruner=PrunerSpec(name="asha", first_rung=rung), **params),
        "judged-while-warming-up",
        each_epoch,
    )
    assert bool(message) is still_rising


def test_which_optimizers_have_no_momentum_is_what_onecycle_says() -> None:
    refused = []
    for name in OPTIMIZERS:
        optimizer = getattr(torch.optim, name)([torch.nn.Parameter(torch.zeros(2, 2))], lr=LR)
        try:
            lr_scheduler.OneCycleLR(optimizer, max_lr=LR, total_steps=100)
        except ValueError:
            refused.append(name)
    spec = spec_of("OneCycleLR", 100, steps=True, cycle_momentum=True)
    every = tuple(OptimizerSpec(name=name, lr=Fixed(value=LR)) for name in OPTIMIZERS)
    message = said(replace(spec, optimizers=every), "cycled-momentum")
    assert message.startswith(f"{', '.join(refused)} have no momentum to cycle")


RUNG_RULES = {"judged-while-warming-up", "judged-in-high-half", "judged-before-first-milestone"}
MEND = re.compile(r"write pruner: \{name: (\w+), first_rung: (\d+)\}, or pruner: none")


@given(
    names=st.lists(st.sampled_from(["OneCycleLR", "CyclicLR", "CosineAnnealingWarmRestarts", "LinearLR"]), unique=True),
    step_size=counts,
    pruner=st.builds(
        PrunerSpec,
        name=st.sampled_from(["asha", "hyperband", "median"]),
        first_rung=st.integers(1, 8),
        reduction_factor=st.integers(2, 4),
    ),
    epochs=st.integers(2, 60),
    steps_per_epoch=st.sampled_from([None, 1, 7, 100]),
)
def test_the_mend_of_a_rung_leaves_nothing_to_say(
    names: list[str], step_size: int, pruner: PrunerSpec, epochs: int, steps_per_epoch: int | None
) -> None:
    step = SchedulerSpec(name="StepLR", params={"step_size": Fixed(value=step_size)})
    spec = a_spec(
        budget=Budget(epochs=epochs), schedulers=(step, *(SchedulerSpec(name=name) for name in names)), pruner=pruner
    )
    findings = [each for each in lint(spec, steps_per_epoch=steps_per_epoch) if each.rule in RUNG_RULES]
    assert len({each.mend for each in findings}) <= 1
    for finding in findings[:1]:
        mended = PrunerSpec(name="none")
        if finding.mend != "write pruner: none":
            found = MEND.fullmatch(finding.mend)
            assert found
            assert found[1] == pruner.name
            mended = replace(pruner, first_rung=int(found[2]))
            assert rungs(mended, epochs)
        again = lint(replace(spec, pruner=mended), steps_per_epoch=steps_per_epoch)
        assert RUNG_RULES.isdisjoint(each.rule for each in again)
