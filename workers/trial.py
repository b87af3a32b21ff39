"""The trial as a plain training function sees it: it gives optimizer and scheduler, and takes reports."""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sweeps.errors import TaskError, unknown
from sweeps.groups import group_names
from sweeps.records import Ended, Job, Outcome, Report, Started, Stop
from workers.cohort import STOPPED_AS
from workers.driver import Training
from workers.grouped import GroupedOptimizer
from workers.lrcurves import LrCurves
from workers.member import has_diverged
from workers.optimizers import build_optimizer, group_lrs
from workers.schedules import Schedule, build_schedule
from workers.seeding import seed_model

TrainFunction = Callable[["Trial"], Any]

_OWN_SERIES = frozenset(
    (
        *("number", "epoch", "step", "seconds", "lr", "momentum"),
        *("initial_lr", "log10_initial_lr", "objective", "log10_objective"),
    )
)
"""Names of what is recorded of every trial beside its metrics."""


class StopTrial(BaseException):
    """Raised by Trial.report when the trial is over; no Exception, so that `except Exception` lets it through."""

    def __init__(self, outcome: Outcome, *, interrupted: bool = False):
        super().__init__(outcome)
        self.outcome, self.interrupted = outcome, interrupted


class Trial:
    """One trial, in the hands of the user's own training loop.

    `epochs` is how many the loop should make, `seed` what everything random should start from (torch, numpy and
    random have been seeded with it), `device` where to train.
    """

    def __init__(self, job: Job, device: torch.device, post: Callable[[Report], Stop | None]):
        self.seed, self.device = job.seed, device
        self.params = dict(job.optimizer_params)
        self.initial_lr = job.initial_lr
        self._job, self._post = job, post
        self._began = time.monotonic()
        self._grouped: GroupedOptimizer | None = None
        self._schedule: Schedule | None = None
        self._lrs: LrCurves | None = None
        self._optimizer: Optimizer | None = None
        self._group_count = 1
        self._steps_per_epoch = 1
        self._epoch = self._step = 0
        self._losses: list[float] = []
        self._objectives: list[float] = []

    @property
    def epochs(self) -> int:
        """Epochs to train. A budget in steps needs to know an epoch's steps: make the scheduler first."""
        if self._job.budget.steps is not None and self._schedule is None:
            raise TaskError("the budget is in steps: call trial.scheduler(optimizer, steps_per_epoch=...) first")
        return self._job.budget.total_epochs(self._steps_per_epoch)

    def optimizer(self, model: nn.Module | Iterable[Any]) -> Optimizer:
        """The optimizer that this trial tries, over a model, or over parameters or param groups of your own.

        What it asks of a loop is up to yours: LBFGS a step(closure), Rprop full batches, a Schedule-Free class
        train() and eval(). Give the model itself, so that Muon can tell embeddings from hidden weights, and so that
        the sweep's parameter groups find their names; those that start frozen join by themselves.
        """
        job = self._job
        if isinstance(model, nn.Module):
            self._grouped = GroupedOptimizer(model, job)
            return self._grouped.optimizer
        if job.groups:
            raise TaskError("the sweep has parameter groups by name: give trial.optimizer() the model itself")
        self._grouped = None
        return build_optimizer(job.optimizer, model, job.initial_lr, job.optimizer_params)

    def scheduler(self, optimizer: Optimizer, *, steps_per_epoch: int) -> "TrialScheduler":
        """The schedule that this trial tries; call its `after_batch(loss)` after every optimizer.step()."""
        if steps_per_epoch < 1:
            raise TaskError(f"steps_per_epoch is {steps_per_epoch}; give the batches in one epoch, at least 1")
        planned = self._grouped.initial_lrs if self._grouped and self._grouped.optimizer is optimizer else ()
        # What stands in the optimizer counts, as a loop may have changed it; groups that are frozen are not there yet.
        lrs = [now or later for now, later in zip_longest(group_lrs(optimizer, len(planned)), planned, fillvalue=0.0)]
        self._steps_per_epoch = steps_per_epoch
        self._schedule = build_schedule(self._job, optimizer, lrs, steps_per_epoch)
        self._optimizer = optimizer
        self._lrs = LrCurves(group_names(self._job.groups, len(lrs)), by_step=self._schedule.by_step)
        self._group_count = len(lrs)
        self._set_lr()
        return TrialScheduler(self)

    def report(self, metrics: Mapping[str, float]) -> None:
        """Ends an epoch: reports its metrics and steps the schedule. Raises StopTrial to end it early."""
        if self._schedule is None:
            raise TaskError("trial.report() before trial.scheduler(): make optimizer and scheduler from the trial")
        if not self._losses:
            raise TaskError("no step since the last report: call scheduler.after_batch(loss) after optimizer.step()")
        if taken := sorted(_OWN_SERIES & metrics.keys()):
            raise TaskError(f"trial.report() got a metric called '{taken[0]}', which lrsweep itself keeps: rename it")
        values = {"train/loss": sum(self._losses) / len(self._losses)}
        values |= {name: float(value) for name, value in metrics.items()}
        metric = self._job.objective.metric if self._job.ramp is None else "train/loss"
        if metric not in values:
            raise TaskError(unknown("metric", metric, values))
        stop = self._end_epoch(values)
        self._objectives.append(values[metric])
        if has_diverged(values, self._job.objective):
            raise StopTrial(Outcome.DIVERGED)
        stopping = self._job.early_stopping
        if stopping is not None and stopping.is_over(self._objectives, self._job.objective):
            raise StopTrial(Outcome.COMPLETE)
        if self._is_spent:
            # The loop ends by itself now, and what the user does after it (saving the model, say) is theirs.
            return
        if stop is not None:
            raise StopTrial(STOPPED_AS[stop], interrupted=stop is Stop.INTERRUPTED)
        self._schedule.epoch_done(values[metric])
        if self._grouped:
            self._grouped.begin(self._epoch)
        self._set_lr()

    def end(self) -> Ended:
        """How the trial ended when the function returned by itself. Raises TaskError if it never reported."""
        if not self._objectives:
            raise TaskError("the training function returned without a report: call trial.report({...}) every epoch")
        return Ended(key=self._job.key, outcome=Outcome.COMPLETE)

    def _end_epoch(self, values: dict[str, float]) -> Stop | None:
        assert self._lrs is not None
        self._epoch += 1
        lrs = self._lrs.take()
        report = Report(
            key=self._job.key,
            epoch=self._epoch,
            step=self._step,
            metrics=values,
            lrs=lrs.lrs,
            step_losses=tuple(self._losses),
            step_lrs=lrs.step_lrs,
            step_more=lrs.more,
            watched=self._watched(values),
            seconds=time.monotonic() - self._began,
        )
        self._losses = []
        return self._post(report)

    def _watched(self, values: Mapping[str, float]) -> dict[int, Mapping[str, float]]:
        """What a ramp was told besides the training loss."""
        metrics = {name: value for name, value in values.items() if name != "train/loss"}
        return {self._step: metrics} if self._job.ramp is not None and metrics else {}

    @property
    def _is_spent(self) -> bool:
        return self._step >= self._job.budget.total_steps(self._steps_per_epoch)

    def _set_lr(self) -> None:
        assert self._schedule is not None
        if not self._is_spent:
            self._schedule.set(epoch=self._epoch, step=self._step)

    def after_batch(self, loss: Any) -> None:
        """What TrialScheduler.after_batch does."""
        assert self._lrs is not None
        if self._is_spent and self._objectives:
            raise StopTrial(Outcome.COMPLETE)
        assert self._schedule is not None
        assert self._optimizer is not None
        momenta = self._schedule.momenta(epoch=self._epoch, step=self._step)
        self._lrs.note(group_lrs(self._optimizer, self._group_count), momenta)
        self._losses.append(loss.item() if isinstance(loss, Tensor) else float(loss))
        self._step += 1
        if not math.isfinite(self._losses[-1]):
            if self._step == 1:
                raise TaskError(f"the loss is {self._losses[-1]} at the first step: look at the data and the loss")
            self._end_epoch({"train/loss": self._losses[-1]})
            raise StopTrial(Outcome.DIVERGED)
        if self._job.ramp is not None and self._step >= self._job.ramp.steps:
            self._end_epoch({"train/loss": self._losses[-1]})
            raise StopTrial(Outcome.COMPLETE)
        self._set_lr()


class TrialScheduler:
    """Steps a trial's schedule on the right clock, whichever that is."""

    def __init__(self, trial: Trial):
        self._trial = trial

    def after_batch(self, loss: Any) -> None:
        """Takes the training loss of a step and puts the next step's LR in place; call it after optimizer.step()."""
        self._trial.after_batch(loss)


def train_function(function: TrainFunction, job: Job, device: torch.device) -> Training:
    """Runs a user's training function in a thread and yields its reports like the loop of a task does."""
    reports: queue.SimpleQueue[Report | Ended | BaseException] = queue.SimpleQueue()
    answers: queue.SimpleQueue[Stop | None] = queue.SimpleQueue()
    threads = torch.get_num_threads()

    def post(report: Report) -> Stop | None:
        reports.put(report)
        return answers.get()

    def run() -> None:
        torch.set_num_threads(threads)
        seed_model(job.seed)
        try:
            trial = Trial(job, device, post)
            function(trial)
            reports.put(trial.end())
        except StopTrial as stop:
            reports.put(Ended(key=job.key, outcome=stop.outcome, interrupted=stop.interrupted))
        except BaseException as error:
            reports.put(error)

    yield Started(key=job.key)
    thread = threading.Thread(target=run, name=job.key, daemon=True)
    thread.start()
    while True:
        said = reports.get()
        match said:
            case Report():
                answers.put((yield said))
            case Ended():
                thread.join()
                return said
            case Exception():
                thread.join()
                raise said
            case _:
                raise TaskError(f"the training function left with {said!r}") from said
