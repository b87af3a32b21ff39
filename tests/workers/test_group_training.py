"""Parameter groups train as in a plain torch loop: own LRs, hyperparameters and schedules, and late joins."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sweeps.domains import Value
from sweeps.errors import UserError
from sweeps.groups import ParamGroup
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Ended, Outcome, Ramp, Stop
from tests.workers.parts import HEAD, LAYOUTS, LR, OPTIMIZERS, SCHEDULERS, STEPS, TwoParts, a_trial
from tests.workers.plain import stock_optimizers, stock_step
from tests.workers.plaingroups import BY_STEP, STOCK, Alone, Plain, of_layout
from tests.workers.small import Regression, hear, prepared, stop_at, train
from workers.lane import Lane
from workers.seeding import data_order

COMPLETE = Ended(key="trial 0", outcome=Outcome.COMPLETE)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scheduler", STOCK)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_groups_train_as_each_would_with_stock_classes_of_its_own(optimizer: str, scheduler: str, layout: str) -> None:
    group, params = LAYOUTS[layout]
    shared = OPTIMIZERS[optimizer]
    plain = Plain(of_layout(optimizer, scheduler, layout))
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


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
@pytest.mark.parametrize("name", ["head", "rest"])
def test_a_range_test_of_one_group_leaves_the_others_at_their_lrs(optimizer: str, name: str) -> None:
    ramp = Ramp(low=1e-4, high=1e-1, steps=7, growth="linear", group=name)
    params: dict[str, Value] = {"head.lr_multiplier": 0.25}
    job = a_trial(optimizer, ramp=ramp, budget=Budget(steps=7), optimizer_params=params)
    heard = hear(train(prepared(TwoParts()), job))
    rest = [lr for report in heard.reports for lr in report.step_lrs]
    head = [lr for report in heard.reports for lr in report.step_more["lr/head"]]
    assert {"rest": rest, "head": head}[name] == pytest.approx(np.linspace(1e-4, 1e-1, 7))
    assert {"rest": head, "head": rest}[name] == pytest.approx([LR * 0.25 if name == "rest" else LR] * 7)


def test_a_range_test_of_a_group_that_is_not_there_says_which_are() -> None:
    job = a_trial(ramp=Ramp(low=1e-4, high=1e-1, steps=7, group="haed"), budget=Budget(steps=7))
    with pytest.raises(UserError, match=r"unknown group of the range test 'haed'; did you mean 'head'\? .*rest, head"):
        Lane(prepared(TwoParts()), job)


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


def test_what_the_user_froze_stays_frozen_when_its_group_joins() -> None:
    class Task(TwoParts):
        def model(self) -> nn.Module:
            model = super().model()
            model.get_submodule("head").bias.requires_grad_(False)  # type: ignore[union-attr]
            return model

    lane = Lane(prepared(Task()), a_trial("SGD", groups=(replace(HEAD, from_epoch=1),), budget=Budget(epochs=3)))
    before = {name: each.clone() for name, each in lane.model.get_submodule("head").named_parameters()}
    for _ in range(3):
        lane.train_epoch()
    after = dict(lane.model.get_submodule("head").named_parameters())
    assert torch.equal(before["bias"], after["bias"])
    assert not torch.equal(before["weight"], after["weight"])


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
