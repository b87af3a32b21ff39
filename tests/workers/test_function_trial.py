"""A training function of the user's own sees the same schedule, and ends in the same ways, as the loop of a task."""

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweeps.catalogue import SCHEDULERS
from sweeps.errors import TaskError
from sweeps.objective import EarlyStopping, Objective
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Ended, Event, Job, Outcome, Ramp, Report, Stop
from tests.workers.small import CPU, Heard, Regression, a_job, hear, prepared, stop_at, train
from tests.workers.test_training import SCHEDULER_PARAMS
from workers.driver import drive
from workers.seeding import data_order
from workers.trial import StopTrial, Trial, train_function

TASK = Regression()
STEPS = 3


def own_loop(trial: Trial) -> None:
    """The loop of a task, in a user's words."""
    (x, y), (val_x, val_y) = TASK.data()
    model = TASK.model()
    optimizer = trial.optimizer(model)
    scheduler = trial.scheduler(optimizer, steps_per_epoch=STEPS)
    for epoch in range(trial.epochs):
        for rows in data_order(len(x), trial.seed, epoch).split(TASK.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            scheduler.after_batch(loss)
        with torch.no_grad():
            val_loss = nn.functional.mse_loss(model(val_x), val_y)
        trial.report({"val/loss": val_loss})


def run(function: Callable[[Trial], Any], job: Job | None = None, word: Any = lambda report: None) -> Heard:
    return hear(train_function(function, job or a_job(), CPU), word)


def ending_of(function: Callable[[Trial], Any], **given: Any) -> Ended:
    job = a_job(**given)
    *_, ended = drive(train_function(function, job, CPU), job, lambda report: None)
    assert isinstance(ended, Ended)
    return ended


def steps(trial: Trial, scheduler: Any, losses: list[float]) -> None:
    """Training steps with these losses."""
    for loss in losses:
        scheduler.after_batch(loss)


def a_scheduler(trial: Trial, steps_per_epoch: int = STEPS) -> Any:
    return trial.scheduler(trial.optimizer(nn.Linear(2, 1)), steps_per_epoch=steps_per_epoch)


def reports(values: list[float], name: str = "val/loss") -> Callable[[Trial], None]:
    """A function that reports these values, one an epoch."""

    def function(trial: Trial) -> None:
        scheduler = a_scheduler(trial)
        for value in values:
            steps(trial, scheduler, [1.0] * STEPS)
            trial.report({name: value})

    return function


# --- the same as the loop of a task


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_it_trains_as_the_loop_of_a_task_does(scheduler: str) -> None:
    job = a_job(scheduler=scheduler, scheduler_params=SCHEDULER_PARAMS[scheduler], budget=Budget(epochs=5))
    task, function = hear(train(prepared(TASK), job)), run(own_loop, job)
    assert function.steps == task.steps
    assert [(each.epoch, each.step, each.lrs, each.step_lrs) for each in function.reports] == [
        (each.epoch, each.step, each.lrs, each.step_lrs) for each in task.reports
    ]
    for ours, theirs in zip(function.reports, task.reports, strict=True):
        assert ours.metrics["val/loss"] == pytest.approx(theirs.metrics["val/loss"], rel=1e-6)
    assert function.ended == task.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)
    assert [each.epoch for each in function.started] == [0]


@pytest.mark.parametrize("length", [2, 3, 6, 7, 8])
def test_a_ramp_is_the_same_ramp(length: int) -> None:
    ramp = Ramp(low=1e-3, high=1.0, steps=length)
    job = a_job(ramp=ramp, initial_lr=ramp.low, budget=Budget(steps=length))
    task, function = hear(train(prepared(TASK), job)), run(own_loop, job)
    assert function.steps == task.steps
    assert [lr for each in function.reports for lr in each.step_lrs] == ramp_lrs(ramp)
    assert [(each.epoch, each.step, each.lrs) for each in function.reports] == [
        (each.epoch, each.step, each.lrs) for each in task.reports
    ]
    assert function.ended == task.ended


def test_a_ramp_needs_no_metric_of_the_functions_own() -> None:
    ramp = Ramp(low=1e-3, high=1.0, steps=5)
    job = a_job(ramp=ramp, initial_lr=1e-3, budget=Budget(steps=5), objective=Objective(metric="val/accuracy"))
    assert run(own_loop, job).ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)


def test_torch_is_seeded_as_it_is_for_a_task() -> None:
    assert run(own_loop, a_job(seed=1)).steps != run(own_loop, a_job(seed=2)).steps
    torch.rand(5)
    assert run(own_loop, a_job(seed=1)).steps == run(own_loop, a_job(seed=1)).steps


def test_groups_keep_the_ratio_of_their_lrs() -> None:
    seen = []

    def function(trial: Trial) -> None:
        body, head = nn.Linear(2, 2), nn.Linear(2, 1)
        groups = [
            {"params": body.parameters(), "lr": trial.initial_lr / 10},
            {"params": head.parameters()},
        ]
        optimizer = trial.optimizer(groups)  # type: ignore[arg-type]
        scheduler = trial.scheduler(optimizer, steps_per_epoch=2)
        for _ in range(trial.epochs):
            for _ in range(2):
                seen.append([group["lr"] for group in optimizer.param_groups])
                scheduler.after_batch(1.0)
            trial.report({"val/loss": 1.0})

    heard = run(function, a_job(scheduler="StepLR", scheduler_params={"step_size": 1, "gamma": 0.5}))
    assert seen == [[0.01, 0.1]] * 2 + [[0.005, 0.05]] * 2 + [[0.0025, 0.025]] * 2
    assert [each.lrs for each in heard.reports] == [(0.01, 0.1), (0.005, 0.05), (0.0025, 0.025)]
    seen.clear()
    ramp = Ramp(low=0.1, high=10.0, steps=3)
    run(function, a_job(ramp=ramp, budget=Budget(steps=3)))
    assert [head for _, head in seen] == ramp_lrs(ramp)
    assert [head / body for body, head in seen] == pytest.approx([10.0] * 3)


def test_a_trial_tells_what_is_tried() -> None:
    seen: dict[str, Any] = {}

    def function(trial: Trial) -> None:
        seen.update(seed=trial.seed, device=trial.device, params=trial.params, lr=trial.initial_lr, epochs=trial.epochs)
        reports([1.0, 1.0, 1.0])(trial)

    run(function, a_job(optimizer_params={"momentum": 0.9}))
    assert seen == {"seed": 3, "device": CPU, "params": {"momentum": 0.9}, "lr": 0.1, "epochs": 3}


@pytest.mark.parametrize(("budget", "epochs"), [(Budget(steps=7), 3), (Budget(steps=6), 2), (Budget(steps=1), 1)])
def test_epochs_of_a_budget_in_steps_are_known_with_the_scheduler(budget: Budget, epochs: int) -> None:
    seen = []

    def function(trial: Trial) -> None:
        with pytest.raises(
            TaskError, match=r"the budget is in steps: call trial.scheduler\(optimizer, steps_per_epoch"
        ):
            _ = trial.epochs
        a_scheduler(trial)
        seen.append(trial.epochs)
        reports([1.0])(trial)

    run(function, a_job(budget=budget))
    assert seen == [epochs]


# --- how it ends


@pytest.mark.parametrize(
    ("stop", "ended"),
    [
        (Stop.PRUNED, Ended(key="trial 0", outcome=Outcome.PRUNED)),
        (Stop.CANCELLED, Ended(key="trial 0", outcome=Outcome.CANCELLED)),
        (Stop.INTERRUPTED, Ended(key="trial 0", outcome=Outcome.CANCELLED, interrupted=True)),
    ],
    ids=lambda each: str(each) if isinstance(each, Stop) else "",
)
def test_a_stop_gets_through_a_function_that_catches_all_exceptions(stop: Stop, ended: Ended) -> None:
    cleaned = []

    def function(trial: Trial) -> None:
        try:
            for _ in range(3):
                try:
                    reports([1.0])(trial)
                except Exception:
                    cleaned.append("swallowed")
        finally:
            cleaned.append("cleaned up")

    heard = run(function, a_job(), stop_at(1, stop))
    assert heard.ended == ended
    assert len(heard.reports) == 1
    assert cleaned == ["cleaned up"]


@pytest.mark.parametrize("stop", list(Stop))
def test_what_has_come_to_its_end_is_complete_whatever_it_is_told(stop: Stop) -> None:
    heard = run(own_loop, a_job(), stop_at(3, stop))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)


def test_what_a_function_does_after_its_loop_is_done() -> None:
    saved = []

    def function(trial: Trial) -> None:
        own_loop(trial)
        saved.append("the model")

    assert run(function, a_job()).ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)
    assert saved == ["the model"]


def test_a_function_that_would_go_on_forever_ends_with_its_budget() -> None:
    heard = run(reports([1.0] * 1000))
    assert (heard.ended, len(heard.reports)) == (Ended(key="trial 0", outcome=Outcome.COMPLETE), 3)


def test_a_function_may_stop_by_itself() -> None:
    heard = run(reports([1.0]))
    assert (heard.ended, len(heard.reports)) == (Ended(key="trial 0", outcome=Outcome.COMPLETE), 1)


def test_early_stopping_completes_with_fewer_epochs() -> None:
    values = [0.5, 0.4, 0.45, 0.46, 0.3, 0.2]
    job = a_job(budget=Budget(epochs=6), early_stopping=EarlyStopping(patience=2))
    heard = run(reports(values), job)
    assert (heard.ended, len(heard.reports)) == (Ended(key="trial 0", outcome=Outcome.COMPLETE), 4)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_turns_non_finite_has_diverged_at_that_step(value: float) -> None:
    def function(trial: Trial) -> None:
        scheduler = a_scheduler(trial)
        steps(trial, scheduler, [1.0, 0.9, 0.8])
        trial.report({"val/loss": 0.5})
        steps(trial, scheduler, [0.7, value, 0.6])
        raise AssertionError("it is over")

    heard = run(function)
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.DIVERGED)
    last = heard.reports[-1]
    assert (last.epoch, last.step, len(last.step_losses), len(last.step_lrs)) == (2, 5, 2, 2)
    assert not math.isfinite(last.step_losses[-1])
    assert not math.isfinite(last.metrics["train/loss"])


@pytest.mark.parametrize("name", ["val/loss", "train/loss"])
def test_a_reported_loss_that_is_not_finite_has_diverged(name: str) -> None:
    heard = run(reports([math.nan], name), a_job(objective=Objective(metric=name)))
    assert (heard.ended, len(heard.reports)) == (Ended(key="trial 0", outcome=Outcome.DIVERGED), 1)


def test_a_metric_that_nobody_optimizes_may_be_undefined() -> None:
    def function(trial: Trial) -> None:
        scheduler = a_scheduler(trial)
        for _ in range(trial.epochs):
            steps(trial, scheduler, [1.0] * STEPS)
            trial.report({"val/loss": 1.0, "precision": math.nan})

    assert run(function).ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)


def test_tensors_and_numbers_are_both_taken() -> None:
    def function(trial: Trial) -> None:
        scheduler = a_scheduler(trial)
        steps(trial, scheduler, [torch.tensor(1.0), 2.0, torch.tensor([3.0], requires_grad=True)])  # type: ignore[list-item]
        trial.report({"val/loss": torch.tensor(0.25), "count": 7})  # type: ignore[dict-item]

    (report,) = run(function).reports
    assert report.step_losses == (1.0, 2.0, 3.0)
    assert report.metrics == {"train/loss": 2.0, "val/loss": 0.25, "count": 7.0}


# --- what is forgotten is said


def no_scheduler(trial: Trial) -> None:
    trial.optimizer(nn.Linear(2, 1))
    trial.report({"val/loss": 1.0})


def no_after_batch(trial: Trial) -> None:
    a_scheduler(trial)
    trial.report({"val/loss": 1.0})


def no_report(trial: Trial) -> None:
    steps(trial, a_scheduler(trial), [1.0] * STEPS)


def no_objective(trial: Trial) -> None:
    steps(trial, a_scheduler(trial), [1.0] * STEPS)
    trial.report({"val_loss": 1.0})


def own_lr(trial: Trial) -> None:
    steps(trial, a_scheduler(trial), [1.0] * STEPS)
    trial.report({"val/loss": 1.0, "lr": 10.0})


def no_steps(trial: Trial) -> None:
    a_scheduler(trial, steps_per_epoch=0)


def nan_at_once(trial: Trial) -> None:
    steps(trial, a_scheduler(trial), [math.nan])


def leaves(trial: Trial) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_scheduler, "trial.report() before trial.scheduler(): make optimizer and scheduler from the trial"),
        (no_after_batch, "no step since the last report: call scheduler.after_batch(loss) after optimizer.step()"),
        (no_report, "the training function returned without a report: call trial.report({...}) every epoch"),
        (
            no_objective,
            "unknown metric 'val/loss'; did you mean 'val_loss'? choose one of: train/loss, val_loss",
        ),
        (own_lr, "trial.report() got a metric called 'lr', which lrsweep itself keeps: rename it"),
        (no_steps, "steps_per_epoch is 0; give the batches in one epoch, at least 1"),
        (nan_at_once, "the loss is nan at the first step: look at the data and the loss"),
        (leaves, "the training function left with SystemExit(3)"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_was_forgotten_is_said_and_nothing_else(function: Callable[[Trial], Any], message: str) -> None:
    assert ending_of(function) == Ended(key="trial 0", outcome=Outcome.FAILED, error=message)


FAILING = """
def measure():
    raise OSError("the camera is gone")

def train(trial):
    measure()
"""


def test_an_error_of_the_functions_is_told_with_its_own_traceback_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_function.py").write_text(FAILING)
    monkeypatch.syspath_prepend(tmp_path)
    from failing_function import train as function  # type: ignore[import-not-found]

    error = ending_of(function).error
    assert error is not None
    assert error.endswith("OSError: the camera is gone\n")
    lines = [line for line in error.splitlines() if line.startswith("  File ")]
    assert len(lines) == 2
    assert all("failing_function.py" in line for line in lines)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    run(own_loop)
    run(own_loop, a_job(), stop_at(1, Stop.PRUNED))
    ending_of(no_report)
    assert threading.active_count() == before


def test_a_stop_is_no_exception_that_a_user_would_catch() -> None:
    assert not issubclass(StopTrial, Exception)


def test_events_come_one_by_one_as_the_function_trains() -> None:
    done = []

    def function(trial: Trial) -> None:
        scheduler = a_scheduler(trial)
        for epoch in range(trial.epochs):
            steps(trial, scheduler, [1.0] * STEPS)
            done.append(epoch)
            trial.report({"val/loss": 1.0})

    life = train_function(function, a_job(), CPU)
    events: list[Event] = [next(life)]
    assert done == []
    for epoch in range(3):
        events.append(next(life) if epoch == 0 else life.send(None))
        assert done == list(range(epoch + 1))
    assert [event.epoch for event in events if isinstance(event, Report)] == [1, 2, 3]
