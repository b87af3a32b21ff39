"""Where the LRs of one scheduler come from: a table, or the live ReduceLROnPlateau, which answers to a metric."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sweeps.domains import Value
from sweeps.errors import UserError, unknown
from sweeps.groups import group_names
from sweeps.nesting import clock_of, without_warm_up
from sweeps.rangetest import ramp_lrs
from sweeps.records import Job, Ramp
from workers.momentum import Momentum
from workers.scheduletable import ScheduleTable, schedule_table, warm_up_rows

Mode = Literal["min", "max"]


class Source(Protocol):
    """The LRs of one scheduler, for one group or several."""

    @property
    def by_step(self) -> bool:
        """True if the LR may change within an epoch."""

    def lrs(self, *, epoch: int, step: int) -> tuple[float, ...]:
        """The LRs in force during this step (both from 0, `step` over all epochs), [groups]."""

    def momenta(self, *, epoch: int, step: int) -> tuple[float, ...] | None:
        """The momentum of each group, [groups]; None where it is not cycled."""

    def epoch_done(self, metric: float) -> None:
        """Takes the objective's metric after an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""


class TableSource:
    """The rows of a table, epoch by epoch or step by step."""

    def __init__(self, table: ScheduleTable):
        self._table, self.by_step = table, table.by_step

    def lrs(self, *, epoch: int, step: int) -> tuple[float, ...]:
        return self._table.lrs[step if self.by_step else epoch]

    def momenta(self, *, epoch: int, step: int) -> tuple[float, ...] | None:
        return None if self._table.momenta is None else self._table.momenta[step if self.by_step else epoch]

    def epoch_done(self, metric: float) -> None:
        """Nothing: a table does not listen."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing: the table is made anew from the job."""


class PlateauSource:
    """Torch's own ReduceLROnPlateau over a dummy optimizer, fed each epoch that ends after the warm-up."""

    def __init__(
        self,
        params: Mapping[str, Value],
        initial_lrs: Sequence[float],
        steps_per_epoch: int,
        mode: Mode,
    ):
        self._rising = warm_up_rows(params, initial_lrs, steps_per_epoch)
        self._dummy = SGD([{"params": [nn.Parameter(torch.zeros(()))], "lr": lr} for lr in initial_lrs])
        self._stock = ReduceLROnPlateau(self._dummy, mode=mode, **without_warm_up(params))  # type: ignore[arg-type]
        self._steps_per_epoch = steps_per_epoch
        self._epochs = 0
        self.by_step = "warmup" in params

    def lrs(self, *, epoch: int, step: int) -> tuple[float, ...]:
        return self._rising[step] if step < len(self._rising) else self._falling

    @property
    def _falling(self) -> tuple[float, ...]:
        return tuple(float(group["lr"]) for group in self._dummy.param_groups)

    def momenta(self, *, epoch: int, step: int) -> None:
        """None: it cycles none."""

    def epoch_done(self, metric: float) -> None:
        self._epochs += 1
        if self._epochs * self._steps_per_epoch > len(self._rising):
            self._stock.step(metric)

    def state_dict(self) -> dict[str, Any]:
        return {"stock": self._stock.state_dict(), "lrs": self._falling, "epochs": self._epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._stock.load_state_dict(state["stock"])
        self._epochs = state["epochs"]
        for group, lr in zip(self._dummy.param_groups, state["lrs"], strict=True):
            group["lr"] = lr


def lr_source(
    scheduler: str,
    params: Mapping[str, Value],
    initial_lrs: Sequence[float],
    steps: int,
    steps_per_epoch: int,
    *,
    momentum: Momentum | None,
    mode: Mode = "min",
) -> Source:
    """The LRs of a scheduler over so many steps. Raises ValueError where torch refuses the arguments."""
    if clock_of(scheduler, params) == "metric":
        return PlateauSource(params, initial_lrs, steps_per_epoch, mode)
    return TableSource(schedule_table(scheduler, params, initial_lrs, steps, steps_per_epoch, momentum=momentum))


def ramp_source(job: Job, ramp: Ramp, initial_lrs: Sequence[float]) -> Source:
    """The LRs of a range test: all groups in their ratios, or the ramp's one group while the others stay.

    Raises UserError for a ramp of a group that is not there.
    """
    lrs = ramp_lrs(ramp)
    if ramp.group is None:
        ratios = [lr / job.initial_lr for lr in initial_lrs]
        rows = tuple(tuple(lr * ratio for ratio in ratios) for lr in lrs)
    else:
        names = group_names(job.groups, len(initial_lrs))
        if ramp.group not in names:
            raise UserError(unknown("group of the range test", ramp.group, names))
        rows = tuple(
            tuple(lr if name == ramp.group else own for name, own in zip(names, initial_lrs, strict=True)) for lr in lrs
        )
    return TableSource(ScheduleTable(lrs=rows, momenta=None, by_step=True))
