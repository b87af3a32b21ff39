"""A good spec comes out whole, in whatever notation it is written, and the same again from the store."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS
from sweeps.domains import Choice, Fixed, Range
from sweeps.errors import SpecError
from sweeps.objective import EarlyStopping, Objective
from sweeps.records import Budget
from sweeps.spec import (
    OptimizerSpec,
    PrunerSpec,
    RangeTestSpec,
    SamplerSpec,
    SchedulerSpec,
    StartSpec,
    SweepSpec,
    TaskSpec,
    WorkersSpec,
)
from sweeps.specfile import grid_size, parse_spec, read_spec

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))
Read = Callable[[str], dict[str, Any]]

GOOD = {"task": "digits", "budget": {"epochs": 20}, "optimizers": ["SGD"], "trials": 4}

WHOLE = """
name: everything
task: {use: digits, hidden: [64, 32], batch_size: 32}
budget: {epochs: 20}
objective: val/accuracy
seeds: [3, 5]
optimizers:
  - SGD: {lr: [0.01, 0.001], momentum: {low: 0.5, high: 0.99}, nesterov: [true, false]}
  - AdamW: {lr: {low: 1e-5, high: 1e-1}, weight_decay: {low: 1e-6, high: 1e-1, log: true}, betas: [0.9, 0.99]}
  - RMSprop
  - Adam:
schedulers:
  - none
  - StepLR: {step_size: {low: 3, high: 10}, gamma: [0.1, 1]}
  - MultiStepLR: {milestones: [[5, 10], [8, 12]]}
  - CosineAnnealingLR
sampler: {name: tpe, startup_trials: 8, window: 4}
pruner: {name: asha, first_rung: 3, reduction_factor: 4}
early_stopping: {patience: 5, min_delta: 1e-3}
trials: 24
seed: 7
workers: {count: 3, cpus: 0.5, gpus: 0.25, threads: 2}
timeout: 1h30m
range_test: {steps: 50, seeds: 2}
starts:
  - {optimizer: SGD, scheduler: StepLR, lr: 0.01, momentum: 0.9, StepLR.gamma: 0.1}
  - {optimizer: RMSprop, lr: 0.003}
"""


def test_every_key_reaches_the_spec(read: Read) -> None:
    assert parse_spec(read(WHOLE)) == SweepSpec(
        name="everything",
        task=TaskSpec(use="digits", args={"hidden": [64, 32], "batch_size": 32}),
        budget=Budget(epochs=20),
        objective=Objective(metric="val/accuracy", direction="maximize", value="best"),
        seeds=(3, 5),
        optimizers=(
            OptimizerSpec(
                name="SGD",
                lr=Choice(values=(0.01, 0.001)),
                params={"momentum": Range(low=0.5, high=0.99), "nesterov": Choice(values=(True, False))},
            ),
            OptimizerSpec(
                name="AdamW",
                lr=Range(low=1e-5, high=0.1, log=True),
                params={"weight_decay": Range(low=1e-6, high=0.1, log=True), "betas": Fixed(value=(0.9, 0.99))},
            ),
            OptimizerSpec(name="RMSprop"),
            OptimizerSpec(name="Adam"),
        ),
        schedulers=(
            SchedulerSpec(name="none"),
            SchedulerSpec(
                name="StepLR",
                params={"step_size": Range(low=3, high=10, integer=True), "gamma": Choice(values=(0.1, 1.0))},
            ),
            SchedulerSpec(name="MultiStepLR", params={"milestones": Choice(values=((5, 10), (8, 12)))}),
            SchedulerSpec(name="CosineAnnealingLR"),
        ),
        sampler=SamplerSpec(name="tpe", startup_trials=8, window=4),
        pruner=PrunerSpec(name="asha", first_rung=3, reduction_factor=4),
        early_stopping=EarlyStopping(patience=5, min_delta=1e-3),
        range_test=RangeTestSpec(steps=50, seeds=2),
        starts=(
            StartSpec(optimizer="SGD", scheduler="StepLR", lr=0.01, params={"SGD.momentum": 0.9, "StepLR.gamma": 0.1}),
            StartSpec(optimizer="RMSprop", scheduler="none", lr=0.003),
        ),
        trials=24,
        seed=7,
        workers=WorkersSpec(count=3, cpus=0.5, gpus=0.25, threads=2),
        timeout=5400.0,
    )


def test_what_is_left_out_has_the_documented_default() -> None:
    assert parse_spec(GOOD) == SweepSpec(
        name="digits",
        task=TaskSpec(use="digits"),
        budget=Budget(epochs=20),
        optimizers=(OptimizerSpec(name="SGD"),),
        trials=4,
    )


SAME = {
    "none in every notation": [{"pruner": value} for value in ("none", "off", None, False)],
    "no range test": [{"optimizers": [{"SGD": {"lr": 0.1}}], "range_test": value} for value in ("off", None, False)],
    "no early stopping": [{}, *({"early_stopping": value} for value in ("none", None, False))],
    "no scheduler": [{}, *({"schedulers": value} for value in (None, "none", ["none"], [None], [{"none": None}]))],
    "no starts": [{}, {"starts": []}, {"starts": None}],
    "null is left out": [{}, {"name": None, "seeds": None, "timeout": None, "objective": None, "workers": None}],
    "short forms": [
        {"sampler": "random", "workers": 3, "early_stopping": 4, "objective": "val/f1"},
        {
            "sampler": {"name": "random"},
            "workers": {"count": 3},
            "early_stopping": {"patience": 4},
            "objective": {"metric": "val/f1", "direction": "maximize"},
        },
    ],
    "seeds": [{"seeds": 3}, {"seeds": [0, 1, 2]}, {"seeds": 3.0}],
    "timeouts": [{"timeout": value} for value in (600, "10m", "600s", "0.5m 570s")],
}


@pytest.mark.parametrize("notations", SAME.values(), ids=SAME.keys())
def test_notations_that_mean_the_same(notations: list[dict[str, Any]]) -> None:
    first, *others = (parse_spec(GOOD | notation) for notation in notations)
    assert all(other == first for other in others)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid_and_survive_json(path: Path) -> None:
    raw = read_spec(path)
    assert parse_spec(json.loads(json.dumps(raw, allow_nan=False))) == parse_spec(raw)


def test_a_stored_spec_gives_the_same_sweep_again(read: Read) -> None:
    raw = read(WHOLE)
    stored = json.loads(json.dumps(raw, allow_nan=False))
    assert stored == raw
    assert parse_spec(stored) == parse_spec(raw)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_its_own_defaults(name: str) -> None:
    defaults = {key: param.default for key, param in OPTIMIZERS[name].params.items() if param.default is not None}
    raw = json.loads(json.dumps(GOOD | {"optimizers": [{name: {"lr": OPTIMIZERS[name].default_lr, **defaults}}]}))
    assert parse_spec(raw).optimizers[0].params == {key: Fixed(value=value) for key, value in defaults.items()}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_takes_its_own_defaults(name: str) -> None:
    row = SCHEDULERS[name]
    defaults = {key: param.default for key, param in row.params.items() if param.default is not None}
    defaults |= {key: rule(20) for key, rule in row.from_budget.items()}
    raw = json.loads(json.dumps(GOOD | {"schedulers": [{name: defaults}]}))
    assert parse_spec(raw).schedulers[0].params == {key: Fixed(value=value) for key, value in defaults.items()}


@pytest.mark.parametrize(
    "raw",
    [
        GOOD | {"budget": {"steps": 100}, "pruner": {"name": "asha", "first_rung": 50}},
        GOOD | {"budget": {"steps": 100}, "schedulers": [{"MultiStepLR": {"milestones": [500]}}]},
        GOOD | {"budget": {"epochs": 1}},
        GOOD | {"sampler": "cma-es", "optimizers": ["AdamW"]},
        GOOD | {"sampler": "cma-es", "optimizers": [{"SGD": {"momentum": {"low": 0.5, "high": 0.9}}}]},
        GOOD | {"optimizers": [{"SGD": {"nesterov": True, "momentum": 0.9, "dampening": [0]}}]},
        GOOD | {"optimizers": [{"SGD": {"lr": 0.1}}], "range_test": "off"},
    ],
)
def test_combinations_that_work_are_let_through(raw: dict[str, Any]) -> None:
    parse_spec(raw)


def test_the_task_check_can_be_replaced() -> None:
    assert parse_spec(GOOD | {"task": "mine:Task"}, check_task=lambda use: None).name == "Task"
    with pytest.raises(SpecError, match="task: no such thing"):
        parse_spec(GOOD, check_task=lambda use: "no such thing")


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("val/loss", "minimize"), ("val/top5", "maximize"), ("AUC", "maximize"), ("val/error", "minimize")],
)
def test_direction_follows_the_metric_unless_given(metric: str, direction: str) -> None:
    assert parse_spec(GOOD | {"objective": metric}).objective.direction == direction
    for given_direction in ("minimize", "maximize"):
        objective = {"metric": metric, "direction": given_direction}
        assert parse_spec(GOOD | {"objective": objective}).objective.direction == given_direction


def test_a_grid_without_trials_tries_every_point() -> None:
    lr = [0.01, 0.001, 0.0001]
    raw = {
        "task": "digits",
        "budget": {"epochs": 5},
        "sampler": "grid",
        # Unasked, SGD tries two momenta; AdamW's unasked range stays at torch's default.
        "optimizers": [{"SGD": {"lr": lr}}, {"AdamW": {"lr": lr}}],
        "schedulers": ["none", {"StepLR": {"gamma": [0.1, 0.5]}}],
    }
    spec = parse_spec(raw)
    assert spec.trials == grid_size(spec.optimizers, spec.schedulers) == (6 + 3) * (1 + 2)
    assert parse_spec(raw | {"trials": 2}).trials == 2


@pytest.mark.parametrize("lr", [None, Range(low=0.1, high=1.0)])
def test_grid_size_refuses_what_cannot_be_listed(lr: Range | None) -> None:
    with pytest.raises(ValueError, match=r"a grid needs the LRs of SGD|cannot be listed"):
        grid_size([OptimizerSpec(name="SGD", lr=lr)], [SchedulerSpec(name="none")])
