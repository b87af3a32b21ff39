"""Schedules are tables: the stock scheduler is run ahead once, and the engine reads LRs from the array.

Only ReduceLROnPlateau, which answers to a metric, is the live stock object.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sweeps.catalogue import scheduler_row
from sweeps.domains import Value
from sweeps.objective import Objective
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Job
from workers.classes import load_class
from workers.optimizers import group_lrs

_MODES: Mapping[str, Literal["min", "max"]] = {"minimize": "min", "maximize": "max"}


class Schedule(Protocol):
    """Puts the LR into the optimizer's param groups."""

    def set(self, *, epoch: int, step: int) -> None:
        """Puts in place the LR in force during this step (both from 0, `step` over all epochs)."""

    def epoch_done(self, metric: float) -> None:
        """Takes the objective's metric after an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""


def lr_table(
    scheduler: str, params: Mapping[str, Value], initial_lrs: Sequence[float], length: int
) -> list[tuple[float, ...]]:
    """LRs of every param group for `length` ticks of the scheduler's clock, [length][groups].

    Row i is in force during epoch (or step) i: the stock scheduler is stepped after it.

    >>> [row[0] for row in lr_table("StepLR", {"step_size": 2, "gamma": 0.5}, [0.8], 5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """
    row = scheduler_row(scheduler)
    if row.clock == "none":
        return [tuple(initial_lrs)] * length
    groups = [{"params": [nn.Parameter(torch.zeros(()))], "lr": lr} for lr in initial_lrs]
    dummy = SGD(groups)
    stock = load_class(row.path)(dummy, **params)
    table = []
    for _ in range(length):
        table.append(group_lrs(dummy))
        dummy.step()
        stock.step()
    return table


class TableSchedule:
    """Reads the LR of every epoch, or of every step, from a table [ticks][groups]."""

    def __init__(self, optimizer: Optimizer, table: Sequence[tuple[float, ...]], *, by_step: bool):
        self._optimizer, self._table, self._by_step = optimizer, table, by_step

    def set(self, *, epoch: int, step: int) -> None:
        row = self._table[step if self._by_step else epoch]
        for group, lr in zip(self._optimizer.param_groups, row, strict=True):
            group["lr"] = lr

    def epoch_done(self, metric: float) -> None:
        """Nothing: a table does not listen."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing: the table is made anew from the job."""


class PlateauSchedule:
    """Torch's own ReduceLROnPlateau, fed once an epoch; the LR stands in the optimizer already."""

    def __init__(self, optimizer: Optimizer, objective: Objective, params: Mapping[str, Any]):
        self._stock = ReduceLROnPlateau(optimizer, mode=_MODES[objective.direction], **params)

    def set(self, *, epoch: int, step: int) -> None:
        """Nothing: the stock object has changed the optimizer after the last epoch."""

    def epoch_done(self, metric: float) -> None:
        self._stock.step(metric)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = self._stock.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._stock.load_state_dict(state)


def build_schedule(job: Job, optimizer: Optimizer, steps_per_epoch: int) -> Schedule:
    """The schedule of a job: its range test's ramp, a live plateau, or the table of a stock scheduler."""
    if job.ramp is not None:
        ratios = [lr / job.initial_lr for lr in group_lrs(optimizer)]
        table = [tuple(lr * ratio for ratio in ratios) for lr in ramp_lrs(job.ramp)]
        return TableSchedule(optimizer, table, by_step=True)
    row = scheduler_row(job.scheduler)
    if row.clock == "metric":
        return PlateauSchedule(optimizer, job.objective, job.scheduler_params)
    by_step = row.clock == "step"
    length = _ticks(job.budget, steps_per_epoch, by_step=by_step)
    table = lr_table(job.scheduler, job.scheduler_params, group_lrs(optimizer), length)
    return TableSchedule(optimizer, table, by_step=by_step)


def _ticks(budget: Budget, steps_per_epoch: int, *, by_step: bool) -> int:
    return budget.total_steps(steps_per_epoch) if by_step else budget.total_epochs(steps_per_epoch)
