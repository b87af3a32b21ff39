"""What a scheduler will do, as an array: the stock torch scheduler is run ahead once, over a dummy optimizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler

from sweeps.codepath import is_path
from sweeps.domains import Value
from sweeps.expression import compile_expression
from sweeps.groups import own
from sweeps.nesting import clock_of, moves_by_step, parts, stretches, warm_up_epochs, why_no_part, without_warm_up
from sweeps.schedulers import WARM_UP, SchedulerRow, scheduler_row
from workers.classes import load_class
from workers.momentum import Momentum, momentum_of

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTable:
    """What a scheduler does, epoch by epoch or step by step: LRs [ticks][groups] and, where it cycles it, momentum.

    Row i is in force during epoch (or step) i: the stock scheduler is stepped after it. Momentum is that of SGD
    or RMSprop, or the first beta of Adam and its kin.
    """

    lrs: Rows
    momenta: Rows | None
    by_step: bool


def schedule_table(
    scheduler: str,
    params: Mapping[str, Value],
    initial_lrs: Sequence[float],
    steps: int,
    steps_per_epoch: int = 1,
    *,
    momentum: Momentum | None = "momentum",
) -> ScheduleTable:
    """The table of a scheduler, and of the warm-up in front of it, for a trial of so many steps.

    After a warm-up the scheduler begins as if training began there; its epochs then count from there.

    >>> [row[0] for row in schedule_table("StepLR", {"step_size": 2, "gamma": 0.5}, [0.8], 5).lrs]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    >>> table = schedule_table("StepLR", {"step_size": 1, "warmup": 2, "warmup_factor": 0.5}, [0.8], 5)
    >>> [round(row[0], 3) for row in table.lrs]
    [0.4, 0.6, 0.8, 0.08, 0.008]

    Raises ValueError where torch refuses the arguments, or would on the way.
    """
    rising = warm_up_rows(params, initial_lrs, steps_per_epoch)
    left = max(1, steps - len(rising))
    by_step = clock_of(scheduler, params) == "step"
    ticks = left if by_step else -(-left // steps_per_epoch)
    lrs, momenta = _run_ahead(scheduler, without_warm_up(params), tuple(initial_lrs), ticks, momentum)
    if moves_by_step(scheduler, params) and not by_step:
        lrs = tuple(lrs[step // steps_per_epoch] for step in range(left))
    if momenta is not None:
        momenta = (momenta[:1] * len(rising) + momenta)[:steps]
    return ScheduleTable(lrs=(rising + lrs)[:steps], momenta=momenta, by_step=moves_by_step(scheduler, params))


def warm_up_rows(params: Mapping[str, Value], initial_lrs: Sequence[float], steps_per_epoch: int) -> Rows:
    """The LRs of a linear warm-up, [steps][groups]: stock LinearLR from `warmup_factor` on; none without a `warmup`."""
    steps = round(warm_up_epochs(params) * steps_per_epoch)
    if steps == 0:
        return ()
    dummy = _dummy(initial_lrs, None)
    factor: Any = params.get("warmup_factor", WARM_UP["warmup_factor"].default)
    stock = LinearLR(dummy, start_factor=factor, total_iters=steps)
    return _rows(dummy, stock, steps)[0]


def _run_ahead(
    scheduler: str, params: Mapping[str, Value], initial_lrs: tuple[float, ...], ticks: int, momentum: Momentum | None
) -> tuple[Rows, Rows | None]:
    if scheduler_row(scheduler).clock == "none":
        return (initial_lrs,) * ticks, None
    dummy = _dummy(initial_lrs, momentum)
    stock = _stock(scheduler, params, dummy, initial_lrs, ticks, cycles=momentum is not None)
    lrs, momenta = _rows(dummy, stock, ticks)
    # Torch notes these bounds in a group when it begins to cycle its momentum, and only then.
    return lrs, momenta if "max_momentum" in dummy.param_groups[0] else None


def _dummy(lrs: Sequence[float], momentum: Momentum | None) -> Optimizer:
    """An optimizer over nothing, with the same groups and the same kind of momentum as the real one."""
    groups = [{"params": [nn.Parameter(torch.zeros(()))], "lr": lr} for lr in lrs]
    return Adam(groups) if momentum == "betas" else SGD(groups)


def _rows(dummy: Optimizer, stock: LRScheduler, ticks: int) -> tuple[Rows, Rows]:
    """LRs and momenta of each tick, [ticks][groups]."""
    dummy.step()
    lrs, momenta = [], []
    for tick in range(ticks):
        # OneCycleLR refuses the step after its last one.
        if tick > 0:
            stock.step()
        lrs.append(tuple(float(group["lr"]) for group in dummy.param_groups))
        momenta.append(tuple(momentum_of(group) for group in dummy.param_groups))
    return tuple(lrs), tuple(momenta)


def _stock(
    name: str, params: Mapping[str, Value], dummy: Optimizer, lrs: Sequence[float], ticks: int, *, cycles: bool
) -> LRScheduler:
    """The stock scheduler, its parts made in their order over the same optimizer, as in a plain script."""
    row = scheduler_row(name)
    keywords = stock_arguments(row, own(params), lrs, ticks, cycles=cycles)
    if row.nests:
        inside = []
        for index, (part, length) in enumerate(zip(parts(params), stretches(name, params, ticks), strict=True)):
            if (refusal := why_no_part(name, index, part.name)) is not None:
                raise ValueError(f"{name}: {refusal}")
            inside.append(_stock(part.name, part.params, dummy, lrs, length, cycles=cycles))
        keywords["schedulers"] = inside
        # A first part with parts of its own is stepped while the whole is made; torch then asks for this.
        dummy.step()
    stock: LRScheduler = load_class(row.path)(optimizer=dummy, **keywords)
    return stock


def stock_arguments(
    row: SchedulerRow, params: Mapping[str, Value], initial_lrs: Sequence[float], ticks: int, *, cycles: bool
) -> dict[str, Any]:
    """The keyword arguments of the stock class: what was given, over what follows from LR and length.

    `cycles` says whether the optimizer has a momentum to cycle. Raises ValueError for what torch would refuse only
    on the way.
    """
    unasked: dict[str, Any] = {name: rule(ticks) for name, rule in (*row.from_budget.items(), *row.from_steps.items())}
    keywords = unasked | {name: [rule(lr) for lr in initial_lrs] for name, rule in row.from_lr.items()} | dict(params)
    for name in keywords.keys() & {name for name, param in row.params.items() if param.kind == "expression"}:
        keywords[name] = _functions(row.name, keywords[name], len(initial_lrs))
    if row.cycles_momentum:
        keywords["cycle_momentum"] = cycles and keywords.get("cycle_momentum", True)
    if keywords.get("total_steps", ticks) < ticks:
        raise ValueError(
            f"total_steps of {row.name} is {keywords['total_steps']}, and {ticks} steps are to be made, on which torch "
            "would raise; leave it out to have it follow the budget"
        )
    return keywords


def _functions(scheduler: str, value: Any, groups: int) -> Any:
    """The function that a text means, or the list of them, one for each group."""
    if not isinstance(value, tuple):
        return _function(value)
    if len(value) != groups:
        raise ValueError(
            f"{scheduler} has {len(value)} functions and the trial {groups} param group{'s' * (groups != 1)}; "
            "give one for each group, in their order, or one for all"
        )
    return [_function(each) for each in value]


def _function(text: str) -> Any:
    if not is_path(text):
        return compile_expression(text)
    function = load_class(text)
    if not callable(function):
        raise ValueError(f"{text} is no function but a {type(function).__name__}; give one of the epoch")  # noqa: TRY004 - what the user gave
    return function
