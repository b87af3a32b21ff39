"""Parameter groups train as in a plain torch loop: own LRs, hyperparameters and schedules, and late joins."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim import lr_scheduler as scheduling

from sweeps.domains import Value
from sweeps.groups import ParamGroup, of_group
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Ended, Outcome, Ramp, Stop
from tests.workers.parts import HEAD, LAYOUTS, LR, OPTIMIZERS, SCHEDULERS, STEPS, TwoParts, a_trial
from tests.workers.plain import stock_optimizers, stock_step
from tests.workers.small import Regression, hear, prepared, stop_at, train
from workers.lane import Lane
from workers.seeding import data_order, seed_epoch

COMPLETE = Ended(key="trial 0", outcome=Outcome.COMPLETE)

# --- the oracle: every group has stock optimizers and a stock scheduler to itself


def cycles(optimizer: Optimizer) -> dict[str, bool]:
    return {"cycle_momentum": not {"momentum", "betas"}.isdisjoint(optimizer.defaults)}


STOCK: dict[str, Callable[[Optimizer, float, int], Any]] = {
    "none": lambda opt, lr, steps: None,
    "StepLR": lambda opt, lr, steps: scheduling.StepLR(opt, 1, 0.5),
    "CosineAnnealingLR": lambda opt, lr, steps: scheduling.CosineAnnealingLR(opt, 3),
    "OneCycleLR": lambda opt, lr, steps: scheduling.OneCycleLR(opt, lr, steps, **cycles(opt)),
    "CyclicLR": lambda opt, lr, steps: scheduling.CyclicLR(opt, lr / 4, lr, 2, **cycles(opt)),
    "ReduceLROnPlateau": lambda opt, lr, steps: scheduling.ReduceLROnPlateau(
        opt, patience=0, factor=0.5, threshold=0.9
    ),
}
"""What the schedulers of `parts.SCHEDULERS` are in torch: of an optimizer, for an LR and so many steps."""
BY_STEP = ("OneCycleLR", "CyclicLR")


class Alone:
    """One group of a plain loop, which begins at an epoch."""

    def __init__(
        self, module: nn.Module, optimizer: str, lr: float, params: Any, scheduler: str, epochs: int, begins: int
    ):
        self.module, self.begins, self.scheduler = module, begins, scheduler
        self.optimizers = stock_optimizers(optimizer, module, lr, params)
        self.schedulers = [STOCK[scheduler](each, lr, epochs * STEPS) for each in self.optimizers]
        for parameter in module.parameters():
            parameter.requires_grad_(begins == 0)

    def lr(self, epoch: int) -> float:
        return float(self.optimizers[0].param_groups[0]["lr"]) if epoch >= self.begins else 0.0

    def tick(self, *metric: float) -> None:
        for each in self.schedulers:
            if each is not None:
                each.step(*metric)


def momentum(optimizer: Optimizer) -> float | None:
    group = optimizer.param_groups[0]
    return group["betas"][0] if "betas" in group else group.get("momentum")  # type: ignore[no-any-return]


class Plain:
    """What a plain loop saw: losses of steps, LRs of groups at each step, momentum of the first group."""

    def __init__(self, groups: Callable[[nn.Module], list[Alone]], *, epochs: int = 3, seed: int = 7):
        task = TwoParts()
        (x, y), (val_x, val_y) = task.data()
        torch.manual_seed(seed)
        model = task.model()
        alone = groups(model)
        self.losses: list[float] = []
        self.lrs: list[tuple[float, ...]] = []
        self.momenta: list[float | None] = []
        for epoch in range(epochs):
            seed_epoch(seed, epoch)
            for each in alone:
                for parameter in each.module.parameters():
                    parameter.requires_grad_(epoch >= each.begins)
            optimizers = [one for each in alone for one in each.optimizers]
            for rows in data_order(len(x), seed, epoch).split(task.batch_size):
                self.lrs.append(tuple(each.lr(epoch) for each in alone))
                self.momenta.append(momentum(optimizers[0]))
                self.losses.append(stock_step(optimizers, lambda rows=rows: F.mse_loss(model(x[rows]), y[rows])))
                for each in alone:
                    if each.scheduler in BY_STEP and len(self.losses) < epochs * STEPS:
                        each.tick()
            with torch.no_grad():
                val_loss = F.mse_loss(model(val_x), val_y).item()
            for each in alone:
                if each.scheduler not in BY_STEP:
                    each.tick(*[val_loss] * (each.scheduler == "ReduceLROnPlateau"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scheduler", STOCK)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_groups_train_as_each_would_with_stock_classes_of_its_own(optimizer: str, scheduler: str, layout: str) -> None:
    group, params = LAYOUTS[layout]
    shared, own = OPTIMIZERS[optimizer], of_group(params, "head")
    lr = LR * float(own.pop("lr_multiplier", 1.0))  # type: ignore[arg-type]

    def alone(model: Any) -> list[Alone]:
        rest = Alone(model.features, optimizer, LR, shared, scheduler, 3, 0)
        head = Alone(model.head, optimizer, lr, {**shared, **own}, group.scheduler or scheduler, 3, group.from_epoch)
        # The AdamW beside Muon has what the group itself says, too.
        for beside in head.optimizers[1:]:
            beside.param_groups[0].update(own)
        return [rest, head]

    plain = Plain(alone)
    job = a_trial(
        optimizer,
        groups=(group,),
        optimizer_params={**shared, **params},
        scheduler=scheduler,
        scheduler_params=SCHEDULERS[scheduler],
    )
    heard = hear(train(prepared(TwoParts()), job))
    assert heard.ended == COMPLETE
    assert heard.steps == pytest.approx(plain.losses, rel=1e-6)
    assert [report.lrs for report in heard.reports] == [pytest.approx(lrs) for lrs in plain.lrs[::STEPS]]
    assert [lr for report in heard.reports for lr in report.step_lrs] == pytest.approx([lrs[0] for lrs in plain.lrs])
    more = [report.step_more for report in heard.reports]
    if scheduler in BY_STEP:
        assert [lr for each in more for lr in each["lr/head"]] == pytest.approx([lrs[1] for lrs in plain.lrs])
    if scheduler in BY_STEP and optimizer != "Adagrad":
        assert [value for each in more for value in each["momentum"]] == pytest.approx(plain.momenta)
    assert {name for each in more for name in each} == (
        set() if scheduler not in BY_STEP else {"lr/head"} if optimizer == "Adagrad" else {"lr/head", "momentum"}
    )


def test_a_group_may_cycle_while_the_others_stay() -> None:
    cycles = replace(HEAD, scheduler="OneCycleLR")
    shared = OPTIMIZERS["SGD"]
    plain = Plain(
        lambda model: [
            Alone(model.features, "SGD", LR, shared, "none", 3, 0),
            Alone(model.head, "SGD", LR, shared, "OneCycleLR", 3, 0),
        ]
    )
    heard = hear(train(prepared(TwoParts()), a_trial(groups=(cycles,), optimizer_params=shared)))
    assert heard.steps == pytest.approx(plain.losses, rel=1e-6)
    assert [lr for each in heard.reports for lr in each.step_more["lr/head"]] == pytest.approx(
        [b for _, b in plain.lrs]
    )


# --- range tests


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "Muon"])
def test_a_range_test_keeps_the_ratios_between_groups(optimizer: str) -> None:
    ramp = Ramp(low=1e-4, high=1e-1, steps=7)
    params: dict[str, Value] = {"head.lr_multiplier": 0.25}
    job = a_trial(optimizer, ramp=ramp, initial_lr=ramp.low, budget=Budget(steps=7), optimizer_params=params)
    heard = hear(train(prepared(TwoParts()), job))
    lrs = [lr for report in heard.reports for lr in report.step_lrs]
    assert lrs == pytest.approx(ramp_lrs(ramp))
    head = [lr for report in heard.reports for lr in report.step_more["lr/head"]]
    assert head == pytest.approx([lr / 4 for lr in lrs])

    task = TwoParts()
    (x, y), _ = task.data()
    torch.manual_seed(7)
    model: Any = task.model()
    groups = [stock_optimizers(optimizer, part, 1.0, {}) for part in (model.features, model.head)]
    losses: list[float] = []
    for epoch in range(3):
        for rows in data_order(len(x), 7, epoch).split(8)[: 7 - len(losses)]:
            for optimizers, ratio in zip(groups, (1.0, 0.25), strict=True):
                for each in optimizers:
                    each.param_groups[0]["lr"] = ramp_lrs(ramp)[len(losses)] * ratio
            both = [each for optimizers in groups for each in optimizers]
            losses.append(stock_step(both, lambda rows=rows: F.mse_loss(model(x[rows]), y[rows])))  # type: ignore[misc]
    assert heard.steps == pytest.approx(losses, rel=1e-6)


# --- frozen until an epoch


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_group_that_is_frozen_stands_still_until_its_epoch(optimizer: str) -> None:
    groups = (replace(HEAD, from_epoch=2),)
    lane = Lane(prepared(TwoParts()), a_trial(optimizer, groups=groups, budget=Budget(epochs=4)))
    head = lane.model.get_submodule("head")
    kept = [parameter.clone() for parameter in head.parameters()]
    for epoch in range(4):
        lane.train_epoch()
        moved = [not torch.equal(*pair) for pair in zip(kept, head.parameters(), strict=True)]
        assert set(moved) == {epoch >= 2}
        assert all(each.requires_grad is (epoch >= 2) for each in head.parameters())
        assert {group["lane_group"] for group in lane.optimizer.param_groups} == ({0, 1} if epoch >= 2 else {0})


@pytest.mark.parametrize("scheduler", ["StepLR", "ReduceLROnPlateau", "OneCycleLR"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_interrupted_before_or_after_a_group_joins_it_goes_on_bit_for_bit(
    optimizer: str, scheduler: str, tmp_path: Path
) -> None:
    joins = (
        ParamGroup(name="features", patterns=("features.*",), from_epoch=1),
        replace(HEAD, from_epoch=3),
        ParamGroup(name="rest of it", patterns=("*",)),
    )
    ready = prepared(ThreeParts())
    given: dict[str, Any] = {
        "groups": joins,
        "optimizer_params": {**OPTIMIZERS[optimizer], "head.lr_multiplier": 3.0},
        "scheduler": scheduler,
        "scheduler_params": SCHEDULERS[scheduler],
        "budget": Budget(epochs=5),
    }
    whole = hear(train(ready, a_trial(optimizer, **given)))
    assert [tuple(lr > 0 for lr in report.lrs) for report in whole.reports] == [
        (False, False, True),
        (True, False, True),
        (True, False, True),
        (True, True, True),
        (True, True, True),
    ]
    job = a_trial(optimizer, checkpoint=str(tmp_path / "trial.pt"), **given)
    said = []
    for epoch in range(1, 6):
        piece = hear(train(ready, job), stop_at(epoch, Stop.INTERRUPTED))
        assert [started.epoch for started in piece.started] == [epoch - 1]
        said += piece.said
        torch.rand(7)
    assert said == whole.said


class ThreeParts(Regression):
    """Features, a middle and a head; only the head's weight and the middle's are 2-D."""

    def model(self) -> nn.Module:
        layers = {
            "features": nn.LayerNorm(4),
            "middle": nn.Linear(4, 6),
            "tanh": nn.Tanh(),
            "head": nn.Linear(6, 2),
        }
        return nn.Sequential(OrderedDict(layers))


def test_muon_may_begin_without_a_matrix() -> None:
    joins = (ParamGroup(name="weights", patterns=("*.weight",), from_epoch=1),)
    heard = hear(train(prepared(TwoParts()), a_trial("Muon", groups=joins)))
    assert heard.ended == COMPLETE
    assert [report.lrs for report in heard.reports] == [(LR, 0.0), (LR, LR), (LR, LR)]
