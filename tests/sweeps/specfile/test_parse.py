"""A good spec comes out whole, in whatever notation it is written, and the same again from the store."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS
from sweeps.domains import Choice, Fixed, Range
from sweeps.errors import SpecError
from sweeps.groups import ParamGroup
from sweeps.objective import EarlyStopping, Objective
from sweeps.records import Budget
from sweeps.space import search_space
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


@pytest.mark.parametrize("name", [name for name, row in SCHEDULERS.items() if not row.nests])
def test_every_scheduler_takes_its_own_defaults(name: str) -> None:
    row = SCHEDULERS[name]
    defaults = {key: param.default for key, param in row.params.items() if param.default is not None}
    defaults |= {key: rule(20) for key, rule in row.from_budget.items()}
    raw = json.loads(json.dumps(GOOD | {"schedulers": [{name: defaults}]}))
    assert parse_spec(raw).schedulers[0].params == {key: Fixed(value=value) for key, value in defaults.items()}


SCHEDULES = """
schedulers:
  - SequentialLR:
      schedulers: [{LinearLR: {start_factor: 0.1, total_iters: 5}}, CosineAnnealingLR, {ExponentialLR: {gamma: 0.9}}]
      milestones: [[5, 10], [5, 15]]
      warmup: {low: 0.5, high: 3}
  - ChainedScheduler:
      schedulers:
        - ConstantLR: {factor: 0.5}
        - ChainedScheduler: {schedulers: [{ExponentialLR: {gamma: [0.9, 0.95]}}]}
  - CosineAnnealingLR: {warmup: 3, warmup_factor: 0.1}
  - LambdaLR: {lr_lambda: ["0.95 ** epoch", [math:sqrt, "1"]]}
starts:
  - {optimizer: SGD, scheduler: ChainedScheduler, lr: 0.1, ChainedScheduler.1.0.gamma: 0.95}
"""


def test_nested_schedulers_and_warm_ups_are_read_flat(read: Read) -> None:
    spec = parse_spec(GOOD | read(SCHEDULES))
    assert spec.schedulers == (
        SchedulerSpec(
            name="SequentialLR",
            params={
                "schedulers": Fixed(value=("LinearLR", "CosineAnnealingLR", "ExponentialLR")),
                "0.start_factor": Fixed(value=0.1),
                "0.total_iters": Fixed(value=5),
                "2.gamma": Fixed(value=0.9),
                "milestones": Choice(values=((5, 10), (5, 15))),
                "warmup": Range(low=0.5, high=3.0),
            },
        ),
        SchedulerSpec(
            name="ChainedScheduler",
            params={
                "schedulers": Fixed(value=("ConstantLR", "ChainedScheduler")),
                "0.factor": Fixed(value=0.5),
                "1.schedulers": Fixed(value=("ExponentialLR",)),
                "1.0.gamma": Choice(values=(0.9, 0.95)),
            },
        ),
        SchedulerSpec(name="CosineAnnealingLR", params={"warmup": Fixed(value=3.0), "warmup_factor": Fixed(value=0.1)}),
        SchedulerSpec(name="LambdaLR", params={"lr_lambda": Choice(values=("0.95 ** epoch", ("math:sqrt", "1")))}),
    )
    assert spec.starts[0].params == {"ChainedScheduler.1.0.gamma": 0.95}


def test_code_by_path_takes_any_argument(read: Read) -> None:
    raw = GOOD | read(
        """
        optimizers:
          - torch.optim:Adam
          - mine.opt:Lion:
              lr: {low: 1e-5, high: 1e-2}
              betas: [0.9, 0.98, 0.99]
              k: [5, 6]
              decay: {low: 0, high: 1}
              mode: fast
              shape: [[1, 2]]
        starts: [{optimizer: "mine.opt:Lion", lr: 0.001, k: 5, "mine.opt:Lion.mode": fast}]
        """
    )
    asked = []

    def check(use: str, noun: str) -> None:
        asked.append((use, noun))

    spec = parse_spec(raw, check=check)
    assert asked == [("digits", "task"), ("torch.optim:Adam", "optimizer"), ("mine.opt:Lion", "optimizer")]
    assert spec.optimizers[1] == OptimizerSpec(
        name="mine.opt:Lion",
        lr=Range(low=1e-5, high=1e-2, log=True),
        params={
            "betas": Fixed(value=(0.9, 0.98, 0.99)),
            "k": Choice(values=(5, 6)),
            "decay": Range(low=0, high=1),
            "mode": Fixed(value="fast"),
            "shape": Choice(values=((1, 2),)),
        },
    )
    assert spec.starts[0].params == {"mine.opt:Lion.k": 5, "mine.opt:Lion.mode": "fast"}


def test_other_names_of_momentum_are_searched_like_any_other(read: Read) -> None:
    adam = "{Adam: {one_minus_beta1: {low: 0.01, high: 0.3, log: true}, beta2: [0.99, 0.999]}}"
    spec = parse_spec(
        GOOD
        | read(
            f"optimizers: [{{SGD: {{one_minus_momentum: 0.1, nesterov: true}}}}, {adam}]\n"
            "starts: [{optimizer: Adam, lr: 0.1, one_minus_beta1: 0.1}]"
        )
    )
    assert spec.optimizers[1].params == {
        "one_minus_beta1": Range(low=0.01, high=0.3, log=True),
        "beta2": Choice(values=(0.99, 0.999)),
    }
    assert spec.starts[0].params == {"Adam.one_minus_beta1": 0.1}


GROUPS = """
optimizers: [SGD, {AdamW: {weight_decay: 0.1}}]
groups:
  features: {parameters: "features.*", lr_multiplier: 1e-3, from_epoch: 2}
  head:
    parameters: ["fc.*", "classifier.*"]
    lr_multiplier: {low: 1, high: 100}
    weight_decay: [0, 0.1]
    one_minus_beta1: 0.2
    scheduler: {SequentialLR: {schedulers: [ConstantLR, {StepLR: {step_size: 3}}], milestones: [5], warmup: 2}}
  norm: {parameters: "*norm*", scheduler: none}
starts:
  - {optimizer: SGD, lr: 0.1, head.lr_multiplier: 10, SGD.head.weight_decay: 0}
"""


def test_groups_keep_their_order_and_their_own_settings(read: Read) -> None:
    spec = parse_spec(GOOD | read(GROUPS))
    assert [each.group for each in spec.groups] == [
        ParamGroup(name="features", patterns=("features.*",), from_epoch=2),
        ParamGroup(
            name="head",
            patterns=("fc.*", "classifier.*"),
            scheduler="SequentialLR",
            scheduler_params={
                "schedulers": ("ConstantLR", "StepLR"),
                "1.step_size": 3,
                "milestones": (5,),
                "warmup": 2.0,
            },
        ),
        ParamGroup(name="norm", patterns=("*norm*",), scheduler="none"),
    ]
    assert [dict(each.params) for each in spec.groups] == [
        {"lr_multiplier": Fixed(value=0.001)},
        {
            "lr_multiplier": Range(low=1, high=100, log=True),
            "weight_decay": Choice(values=(0.0, 0.1)),
            "one_minus_beta1": Fixed(value=0.2),
        },
        {"lr_multiplier": Fixed(value=1.0)},
    ]
    assert spec.starts[0].params == {"SGD.head.lr_multiplier": 10.0, "SGD.head.weight_decay": 0.0}


def test_a_range_test_may_be_linear_and_of_one_group(read: Read) -> None:
    raw = GOOD | read("{groups: {head: {parameters: fc}}, range_test: {growth: linear, group: head}}")
    assert parse_spec(raw).range_test == RangeTestSpec(growth="linear", group="head")
    listed = {"optimizers": [{"SGD": {"lr": 0.1}}], "trials": 0, "range_test": {"group": "rest"}}
    assert parse_spec(GOOD | listed).range_test == RangeTestSpec(group="rest")


def test_a_grid_counts_the_values_of_groups_and_of_parts(read: Read) -> None:
    spec = parse_spec(
        read(
            """
            task: digits
            budget: {epochs: 5}
            sampler: grid
            optimizers: [{SGD: {lr: 0.1, momentum: 0.9}}, {AdamW: {lr: 0.1}}]
            schedulers: [none, {ChainedScheduler: {schedulers: [{ExponentialLR: {gamma: [0.8, 0.9]}}]}}]
            groups: {head: {parameters: "fc.*", lr_multiplier: [1, 10], momentum: [0, 0.5, 0.9]}}
            """
        )
    )
    assert spec.trials == (2 * 3 + 2) * (1 + 2)
    assert len(list(search_space(spec, [], epochs=5).grid())) == spec.trials


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


def test_the_check_of_references_can_be_replaced() -> None:
    assert parse_spec(GOOD | {"task": "mine:Task"}, check=lambda use, noun: None).name == "Task"
    with pytest.raises(SpecError, match="task: no such task"):
        parse_spec(GOOD, check=lambda use, noun: f"no such {noun}")


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


@pytest.mark.parametrize(("written", "means"), [("best", "best"), ("all", "all"), ("off", "off"), (None, "off")])
def test_stability_and_the_folk_grid_reach_the_spec(written: str | None, means: str) -> None:
    spec = parse_spec(GOOD | {"stability": written, "folk_grid": True, "trials": 9})
    assert (spec.stability, spec.folk_grid) == (means, True)
    assert (parse_spec(GOOD).stability, parse_spec(GOOD).folk_grid) == ("best", False)
