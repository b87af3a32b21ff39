"""Schedules are tables: the engine reads off an array what the stock schedulers make of the LRs of a trial's groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.optim import Optimizer

from sweeps.domains import Value
from sweeps.records import Job
from workers.lrsources import Mode, Source, lr_source, ramp_source
from workers.momentum import momentum_kind, momentum_of, set_momentum

_MODES: Mapping[str, Mode] = {"minimize": "min", "maximize": "max"}


class Schedule:
    """Puts the LRs of a trial's groups into the optimizer: each group follows one column of one source.

    A group of the optimizer says by `lane_group` which of the trial's groups it belongs to; without it, its place
    says so. Groups that are not yet in the optimizer have LRs, too.
    """

    def __init__(self, optimizer: Optimizer, columns: Sequence[tuple[Source, int]]):
        self._optimizer, self._columns = optimizer, tuple(columns)
        self._sources = tuple({id(source): source for source, _ in columns}.values())
        self.by_step = any(source.by_step for source in self._sources)

    def lrs(self, *, epoch: int, step: int) -> tuple[float, ...]:
        """The LRs in force during this step (both from 0, `step` over all epochs), [groups]."""
        return tuple(source.lrs(epoch=epoch, step=step)[column] for source, column in self._columns)

    def momenta(self, *, epoch: int, step: int) -> tuple[float, ...] | None:
        """The momenta (or first betas) in force, [groups]; None where no group's is cycled.

        A group beside cycled ones has the momentum that stands in the optimizer, 0 while it is not there.
        """
        cycled = self._cycled(epoch=epoch, step=step)
        if not any(momentum is not None for momentum in cycled):
            return None
        own = {index: momentum_of(group) for index, group in reversed(self._groups())}
        return tuple(own.get(index, 0.0) if momentum is None else momentum for index, momentum in enumerate(cycled))

    def set(self, *, epoch: int, step: int) -> None:
        """Puts in place what is in force during this step."""
        lrs, cycled = self.lrs(epoch=epoch, step=step), self._cycled(epoch=epoch, step=step)
        for index, group in self._groups():
            group["lr"] = lrs[index]
            if (momentum := cycled[index]) is not None:
                set_momentum(group, momentum)

    def _cycled(self, *, epoch: int, step: int) -> list[float | None]:
        """The momentum of each group that a scheduler cycles, [groups]."""
        rows = [(source.momenta(epoch=epoch, step=step), column) for source, column in self._columns]
        return [None if row is None else row[column] for row, column in rows]

    def _groups(self) -> list[tuple[int, dict[str, Any]]]:
        groups = self._optimizer.param_groups
        return [(group.get("lane_group", place), group) for place, group in enumerate(groups)]

    def epoch_done(self, metric: float) -> None:
        """Takes the objective's metric after an epoch."""
        for source in self._sources:
            source.epoch_done(metric)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold: nothing but what a plateau has heard."""
        return {"sources": [source.state_dict() for source in self._sources]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint of the same job."""
        for source, kept in zip(self._sources, state["sources"], strict=True):
            source.load_state_dict(kept)


def build_schedule(job: Job, optimizer: Optimizer, initial_lrs: Sequence[float], steps_per_epoch: int) -> Schedule:
    """The schedule of a job: its range test's ramp, or what its scheduler and those of its groups say.

    `initial_lrs` are the LRs of all groups, [groups], also of those that will join the optimizer later: what no
    pattern of the job's groups names comes first, then its groups. Raises ValueError where torch refuses a
    scheduler's arguments.
    """
    if job.ramp is not None:
        ramp = ramp_source(job, job.ramp, initial_lrs)
        return Schedule(optimizer, [(ramp, column) for column in range(len(initial_lrs))])

    def source_of(scheduler: str, params: Mapping[str, Value], lrs: Sequence[float]) -> Source:
        return lr_source(
            scheduler,
            params,
            lrs,
            job.budget.total_steps(steps_per_epoch),
            steps_per_epoch,
            momentum=momentum_kind(optimizer.defaults),
            mode=_MODES[job.objective.direction],
        )

    trials = source_of(job.scheduler, job.scheduler_params, initial_lrs)
    columns = [(trials, column) for column in range(len(initial_lrs))]
    rest = len(initial_lrs) - len(job.groups)
    for index, group in enumerate(job.groups):
        if group.scheduler is not None:
            place = rest + index
            columns[place] = (source_of(group.scheduler, group.scheduler_params, initial_lrs[place : place + 1]), 0)
    return Schedule(optimizer, columns)
