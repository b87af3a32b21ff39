"""Schedules are tables: the stock scheduler is run ahead once, and the engine reads LRs from the array.

Only ReduceLROnPlateau, which answers to a metric, is the live stock object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sweeps.catalogue import optimizer_row, scheduler_row
from sweeps.domains import Value
from sweeps.expression import compile_expression
from sweeps.objective import Objective
from sweeps.rangetest import ramp_lrs
from sweeps.records import Job
from sweeps.schedulers import SchedulerRow
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTable:
    """What a scheduler does, tick by tick of its clock: LRs [ticks][groups] and, where it cycles it, momentum.

    Row i is in force during epoch (or step) i: the stock scheduler is stepped after it. Momentum is that of SGD
    or RMSprop, or the first beta of Adam and its kin.
    """

    lrs: tuple[tuple[float, ...], ...]
    momenta: tuple[tuple[float, ...], ...] | None
    by_step: bool


def schedule_table(
    scheduler: str,
    params: Mapping[str, Value],
    initial_lrs: Sequence[float],
    ticks: int,
    *,
    optimizer: str = "SGD",
    optimizer_params: Mapping[str, Value] | None = None,
) -> ScheduleTable:
    """The table of a scheduler for so many epochs, or steps where it goes by steps.

    >>> [row[0] for row in schedule_table("StepLR", {"step_size": 2, "gamma": 0.5}, [0.8], 5).lrs]
    [0.8, 0.8, 0.4, 0.4, 0.2]

    Raises ValueError where torch refuses the arguments.
    """
    row = scheduler_row(scheduler)
    if row.clock == "none":
        return ScheduleTable(lrs=(tuple(initial_lrs),) * ticks, momenta=None, by_step=False)
    dummy = _dummy(initial_lrs, _momentum_kind(optimizer), dict(optimizer_params or {}))
    keywords = stock_arguments(row, params, initial_lrs, ticks, cycles=_momentum_kind(optimizer) is not None)
    stock = load_class(row.path)(dummy, **keywords)
    lrs, momenta = [], []
    for tick in range(ticks):
        lrs.append(group_lrs(dummy))
        momenta.append(tuple(group_momentum(group) or 0.0 for group in dummy.param_groups))
        dummy.step()
        # OneCycleLR refuses the step after its last one.
        if tick < ticks - 1:
            stock.step()
    cycled = row.cycles_momentum and bool(keywords["cycle_momentum"])
    return ScheduleTable(lrs=tuple(lrs), momenta=tuple(momenta) if cycled else None, by_step=row.clock == "step")


def stock_arguments(
    row: SchedulerRow, params: Mapping[str, Value], initial_lrs: Sequence[float], ticks: int, *, cycles: bool
) -> dict[str, Any]:
    """The keyword arguments of the stock class: what was given, over what follows from LR and length."""
    unasked: dict[str, Any] = {name: rule(ticks) for name, rule in row.from_steps.items()}
    unasked |= {name: [rule(lr) for lr in initial_lrs] for name, rule in row.from_lr.items()}
    if row.cycles_momentum:
        unasked["cycle_momentum"] = cycles
    given = {
        name: compile_expression(str(value)) if row.params[name].kind == "expression" else value
        for name, value in params.items()
    }
    if row.cycles_momentum and not cycles:
        given["cycle_momentum"] = False
    return unasked | given


def group_momentum(group: Mapping[str, Any]) -> float | None:
    """The momentum of a param group, or its first beta; None if it has neither."""
    if "betas" in group:
        return float(group["betas"][0])
    return float(group["momentum"]) if "momentum" in group else None


def _momentum_kind(optimizer: str) -> str | None:
    params = optimizer_row(optimizer).params
    return next((kind for kind in ("betas", "momentum") if kind in params), None)


def _dummy(lrs: Sequence[float], momentum: str | None, params: Mapping[str, Value]) -> Optimizer:
    """An optimizer over nothing, with the same groups and the same kind of momentum as the real one."""
    groups = [{"params": [nn.Parameter(torch.zeros(()))], "lr": lr} for lr in lrs]
    if momentum == "betas":
        return Adam(groups, betas=params.get("betas", (0.9, 0.999)))  # type: ignore[arg-type]
    return SGD(groups, momentum=params.get("momentum", 0.0))  # type: ignore[arg-type]


class TableSchedule:
    """Puts the rows of a table into the optimizer, epoch by epoch or step by step."""

    def __init__(self, optimizer: Optimizer, table: ScheduleTable):
        self._optimizer, self._table = optimizer, table

    def set(self, *, epoch: int, step: int) -> None:
        tick = step if self._table.by_step else epoch
        for index, group in enumerate(self._optimizer.param_groups):
            group["lr"] = self._table.lrs[tick][index]
            if self._table.momenta is not None:
                _set_momentum(group, self._table.momenta[tick][index])

    def epoch_done(self, metric: float) -> None:
        """Nothing: a table does not listen."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing: the table is made anew from the job."""


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


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
        ramp = tuple(tuple(lr * ratio for ratio in ratios) for lr in ramp_lrs(job.ramp))
        return TableSchedule(optimizer, ScheduleTable(lrs=ramp, momenta=None, by_step=True))
    row = scheduler_row(job.scheduler)
    if row.clock == "metric":
        return PlateauSchedule(optimizer, job.objective, job.scheduler_params)
    count = job.budget.total_steps if row.clock == "step" else job.budget.total_epochs
    table = schedule_table(
        job.scheduler,
        job.scheduler_params,
        group_lrs(optimizer),
        count(steps_per_epoch),
        optimizer=job.optimizer,
        optimizer_params=job.optimizer_params,
    )
    return TableSchedule(optimizer, table)
