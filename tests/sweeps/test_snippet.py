"""The lines to paste make, in a real script, the very optimizer and scheduler that the trial had."""

from typing import Any

import pytest
import torch
from torch import nn

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS
from sweeps.domains import Value
from sweeps.objective import Objective
from sweeps.records import Pick
from sweeps.snippet import torch_lines
from workers.schedules import schedule_table

CHANGED: dict[str, dict[str, Value]] = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adam": {"betas": (0.8, 0.99), "amsgrad": True},
    "AdamW": {"weight_decay": 3.1e-05},
    "MultiStepLR": {"milestones": (3, 7), "gamma": 0.3},
    "ReduceLROnPlateau": {"patience": 3, "threshold_mode": "abs"},
}


TICKS = 24


def a_pick(optimizer: str, scheduler: str) -> Pick:
    budget = {name: rule(20) for name, rule in SCHEDULERS[scheduler].from_budget.items()}
    own = {optimizer: CHANGED.get(optimizer, {}), scheduler: budget | CHANGED.get(scheduler, {})}
    return Pick(
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=0.0123456789,
        value=0.25,
        params={f"{owner}.{name}": value for owner, params in own.items() for name, value in params.items()},
        trials=(3, 4),
        tried=7,
        low=0.01,
        high=0.02,
    )


def pasted(pick: Pick, objective: Objective | None = None) -> dict[str, Any]:
    scope: dict[str, Any] = {"torch": torch, "model": nn.Linear(2, 1), "total_steps": TICKS}
    exec(torch_lines(pick, objective or Objective()), scope)
    return scope


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_is_made_with_the_picked_lr_and_parameters(name: str) -> None:
    optimizer = pasted(a_pick(name, "none"))["optimizer"]
    assert type(optimizer) is getattr(torch.optim, name)
    (group,) = optimizer.param_groups
    defaults = {key: param.default for key, param in OPTIMIZERS[name].params.items()}
    for key, value in {**defaults, **CHANGED.get(name, {}), "lr": 0.0123456789}.items():
        if key in group and value is not None:
            assert group[key] == value


@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "none"])
def test_the_scheduler_is_made_with_the_picked_parameters(name: str) -> None:
    pick = a_pick("SGD", name)
    params = {key.partition(".")[2]: value for key, value in pick.params.items() if key.startswith(f"{name}.")}
    scope = pasted(pick)
    if name == "ReduceLROnPlateau":
        assert {key: getattr(scope["scheduler"], key) for key in params} == params
        return
    seen = []
    for tick in range(TICKS):
        seen.append((scope["optimizer"].param_groups[0]["lr"],))
        scope["optimizer"].step()
        if tick < TICKS - 1:
            scope["scheduler"].step()
    assert tuple(seen) == schedule_table(name, params, [pick.initial_lr], TICKS).lrs


@pytest.mark.parametrize(("direction", "mode"), [("minimize", "min"), ("maximize", "max")])
def test_a_plateau_watches_the_objective_in_its_direction(direction: Any, mode: str) -> None:
    made = pasted(a_pick("SGD", "ReduceLROnPlateau"), Objective(metric="val/accuracy", direction=direction))
    assert made["scheduler"].mode == mode


def test_without_a_scheduler_there_is_none() -> None:
    assert "scheduler" not in pasted(a_pick("AdamW", "none"))


def test_the_first_line_says_where_the_pick_comes_from() -> None:
    first = torch_lines(a_pick("SGD", "StepLR"), Objective(metric="val/accuracy", value="last")).splitlines()[0]
    assert first == "# SGD with StepLR: last val/accuracy 0.25 in trial 3, 4 (7 tried)"
