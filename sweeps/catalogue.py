"""Every optimizer and scheduler that a sweep may name: one row each, torch classes by path (so no torch is loaded)."""

import math

from sweeps.codepath import is_path
from sweeps.domains import Domains, Fixed
from sweeps.errors import unknown
from sweeps.nesting import clock_of, unasked, warm_up_epochs, without_warm_up
from sweeps.optimizers import OPTIMIZERS, OptimizerRow, path_row
from sweeps.schedulers import SCHEDULERS, SchedulerRow, scheduler_row

__all__ = [
    "OPTIMIZERS",
    "SCHEDULERS",
    "OptimizerRow",
    "SchedulerRow",
    "is_path",
    "optimizer_row",
    "optimizer_space",
    "path_row",
    "scheduler_row",
    "scheduler_space",
]


def optimizer_row(name: str) -> OptimizerRow:
    """The row of an optimizer, or of a class by path. Raises ValueError with the nearest name if there is none."""
    if is_path(name):
        return path_row(name)
    if name not in OPTIMIZERS:
        raise ValueError(unknown("optimizer", name, OPTIMIZERS))
    return OPTIMIZERS[name]


def optimizer_space(name: str, given: Domains) -> Domains:
    """What is searched for an optimizer: what the user gave, over what its row searches unasked.

    >>> optimizer_space("SGD", {"nesterov": Fixed(value=False)})
    {'momentum': Choice(values=(0.9, 0.0)), 'nesterov': Fixed(value=False)}
    """
    row = optimizer_row(name)
    searched = {**row.unasked(given), **given}
    # What the row searches comes first, given or not: samplers draw in this order.
    return {key: searched[key] for key in row.space if key in searched} | searched


def scheduler_space(name: str, given: Domains, epochs: int) -> Domains:
    """What is searched for a scheduler: what the user gave, over what it takes from the epochs after its warm-up.

    >>> scheduler_space("CosineAnnealingLR", {"warmup": Fixed(value=5)}, epochs=20)
    {'T_max': Fixed(value=15), 'warmup': Fixed(value=5)}

    Under a searched warm-up or searched milestones, and where steps are counted, the worker fills that in.
    """
    fixed = {key: domain.value for key, domain in given.items() if isinstance(domain, Fixed)}
    searched = {key.rpartition(".")[2] for key in given.keys() - fixed.keys()}
    if searched & {"warmup", "milestones"} or clock_of(name, fixed) == "step":
        return given
    length = math.ceil(epochs - warm_up_epochs(fixed))
    ours = unasked(name, without_warm_up(fixed), max(1, length))
    return {**{key: Fixed(value=value) for key, value in ours.items()}, **given}
