"""What cannot work is found before anything is trained, left out, and said; what means little is said."""

from typing import Any

import pytest
import torch
from torch import nn

from sweeps.domains import Choice, Fixed, Range
from sweeps.errors import TaskError, UserError
from sweeps.groups import ParamGroup
from sweeps.lint import Finding
from sweeps.records import Budget, Ending, Outcome, Stop, TaskInfo
from sweeps.spec import (
    GroupSpec,
    OptimizerSpec,
    PrunerSpec,
    SchedulerSpec,
)
from tests.doubles import a_range_test
from tests.sweeps.scripted import Run, after, quadratic_spec, really_run, small


def refusing(*keys: str, reason: str = "dense gradients") -> TaskInfo:
    return TaskInfo(steps_per_epoch=10, metrics=("val/loss",), refused=dict.fromkeys(keys, reason))


def pairs_that_trained(run: Run) -> set[tuple[str, str]]:
    return {(each.optimizer, each.scheduler) for each in run.recorder.proposals.values()}


def test_every_pair_is_tried_before_the_sweep() -> None:
    groups = (GroupSpec(group=ParamGroup(name="head", patterns=("*",)), params={"lr_multiplier": Fixed(value=10.0)}),)
    optimizers = (
        OptimizerSpec(name="SGD", lr=Choice(values=(0.1, 0.01))),
        OptimizerSpec(name="AdamW", lr=Range(low=0.01, high=1.0, log=True)),
        OptimizerSpec(name="Adagrad"),
    )
    step = SchedulerSpec(name="StepLR", params={"step_size": Range(low=2, high=6, integer=True)})
    run = Run(small(optimizers=optimizers, schedulers=(SchedulerSpec(name="none"), step), groups=groups))
    run()
    tried = {job.key: job for job in run.runner.candidates}
    assert list(tried) == [f"{left} x {right}" for left in ("SGD", "AdamW", "Adagrad") for right in ("none", "StepLR")]
    assert {job.optimizer: job.initial_lr for job in tried.values()} == {"SGD": 0.1, "AdamW": 0.1, "Adagrad": 0.01}
    assert tried["SGD x StepLR"].scheduler_params == {"step_size": 4}
    assert tried["SGD x StepLR"].optimizer_params == {"momentum": 0.9, "head.lr_multiplier": 10.0}
    assert all(job.groups == (groups[0].group,) and job.checkpoint is None for job in tried.values())


def test_refused_pairs_are_neither_range_tested_nor_proposed_and_said_once() -> None:
    said: list[Finding] = []
    run = Run(small(), info=refusing("AdamW x none", "AdamW x StepLR"), warn=said.append)
    assert run() is Ending.DONE
    assert pairs_that_trained(run) == {("SGD", "none"), ("SGD", "StepLR")}
    assert {job.optimizer for job in run.runner.submitted} == {"SGD"}
    assert [str(finding) for finding in said] == [
        "optimizers[1].AdamW: left out: dense gradients; see `lrsweep catalogue AdamW`, or take it out of the list"
    ]
    assert run.recorder.info == refusing("AdamW x none", "AdamW x StepLR")


def test_an_optimizer_that_is_refused_with_one_scheduler_trains_with_the_others() -> None:
    run = Run(small(trials=12), info=refusing("AdamW x none"))
    assert run() is Ending.DONE
    assert pairs_that_trained(run) == {("SGD", "none"), ("SGD", "StepLR"), ("AdamW", "StepLR")}
    assert {job.optimizer for job in run.runner.submitted if job.ramp is not None} == {"SGD", "AdamW"}


@pytest.mark.parametrize("calls", range(1, 40, 9))
def test_an_interrupted_sweep_leaves_out_the_same_pairs_when_it_goes_on(calls: int) -> None:
    info = refusing("AdamW x none")
    whole, left = Run(small(), info=info), Run(small(), info=info, wanted=after(calls, Stop.INTERRUPTED), pace=calls)
    whole()
    left()
    rest = Run(small(), info=info, pace=calls + 1)
    assert rest(trials=left.recorder.history(), range_tests=left.recorder.tests) is Ending.DONE
    assert rest.recorder.picks == whole.recorder.picks


def test_a_task_that_no_pair_can_train_ends_the_run_with_all_reasons() -> None:
    keys = [f"{left} x {right}" for left in ("SGD", "AdamW") for right in ("none", "StepLR")]
    info = TaskInfo(
        steps_per_epoch=10,
        refused={**dict.fromkeys(keys[:2], "no gradients"), **dict.fromkeys(keys[2:], "no memory")},
    )
    run = Run(small(), info=info)
    with pytest.raises(TaskError, match=r"no optimizer and scheduler .+\n.+SGD.+no gradients.+\n.+AdamW.+no memory"):
        run()
    assert run.recorder.log == []


def test_pairs_that_the_spec_rules_out_are_not_even_tried() -> None:
    groups = (GroupSpec(group=ParamGroup(name="head", patterns=("fc.*",)), params={}),)
    optimizers = (OptimizerSpec(name="SGD"), OptimizerSpec(name="LBFGS"))
    said: list[Finding] = []
    run = Run(small(optimizers=optimizers, groups=groups), warn=said.append)
    assert run() is Ending.DONE
    assert {job.optimizer for job in (*run.runner.candidates, *run.runner.submitted)} == {"SGD"}
    assert said == []  # whoever launched the sweep has said it


def test_errors_of_the_linter_end_the_run_before_anything_is_tried_or_recorded() -> None:
    one_cycle = SchedulerSpec(name="OneCycleLR", params={"total_steps": Fixed(value=100)})
    at_once = Run(small(budget=Budget(steps=120), schedulers=(one_cycle,)))
    with pytest.raises(UserError, match=r"schedulers\[0\].OneCycleLR.total_steps: is 100 steps, and it has 120"):
        at_once()
    assert at_once.runner.candidates == []
    later = Run(small(schedulers=(one_cycle,)))
    with pytest.raises(UserError, match=r"schedulers\[0\].OneCycleLR.total_steps: is 100 steps, and it has 120"):
        later()
    assert later.recorder.log == []


def test_what_the_linter_finds_once_the_task_and_its_range_tests_are_known_is_said_once_each() -> None:
    said: list[Finding] = []
    cyclic = SchedulerSpec(name="CyclicLR", params={"step_size_up": Fixed(value=500)})
    linear = SchedulerSpec(name="LinearLR", params={"total_iters": Fixed(value=30)})
    spec = small(
        optimizers=(OptimizerSpec(name="Adafactor"),), schedulers=(cyclic, linear), pruner=PrunerSpec(name="none")
    )
    assert Run(spec, warn=said.append)(range_tests=[a_range_test("Adafactor", 0.99)]) is Ending.DONE
    assert [(finding.rule, finding.where) for finding in said] == [
        ("lengths", "schedulers[0].CyclicLR.step_size_up"),
        ("adafactor-clamp", "optimizers[0].Adafactor.lr"),
        ("range-test-at-edge", "optimizers[0].Adafactor.lr"),
    ]


class Dense:
    """A linear regression whose gradients are dense, with a weight of two dimensions or of one."""

    batch_size = 8

    def __init__(self, dimensions: int):
        self.dimensions = dimensions

    def model(self) -> nn.Module:
        return nn.Linear(3, 1, bias=False) if self.dimensions == 2 else nn.PReLU(3)

    def data(self) -> Any:
        x = torch.linspace(-1, 1, 48).reshape(16, 3)
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))

    def loss(self, model: nn.Module, batch: Any) -> torch.Tensor:
        x, y = batch
        return ((model(x).sum(1, keepdim=True) - y) ** 2).mean()


@pytest.mark.parametrize(("dimensions", "left"), [(2, {"SGD", "Muon"}), (1, {"SGD"})])
def test_what_cannot_train_the_real_model_is_left_out(dimensions: int, left: set[str]) -> None:
    names = ("SGD", "SparseAdam", "Muon")
    spec = quadratic_spec(
        optimizers=tuple(OptimizerSpec(name=name, lr=Choice(values=(0.1, 0.01))) for name in names),
        schedulers=(SchedulerSpec(name="none"), SchedulerSpec(name="StepLR")),
        budget=Budget(epochs=2),
        pruner=PrunerSpec(name="none"),
        trials=8,
    )
    said: list[Finding] = []
    ending, recorder = really_run(spec, task=lambda: Dense(dimensions), warn=said.append)
    assert ending is Ending.DONE
    assert {each.optimizer for each in recorder.proposals.values()} == left
    assert {ended.outcome for ended, _ in recorder.endings.values()} == {Outcome.COMPLETE}
    assert {finding.where.rpartition(".")[2] for finding in said} == set(names) - left
    assert "sparse" in next(finding.what for finding in said if finding.where == "optimizers[1].SparseAdam").lower()
