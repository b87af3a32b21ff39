"""Every optimizer and scheduler that a sweep may name: one row each, torch classes by path (so no torch is loaded)."""

from collections.abc import Mapping
from typing import TypeVar

from sweeps.domains import Domains, Fixed
from sweeps.errors import unknown
from sweeps.optimizers import OPTIMIZERS, OptimizerRow, is_path, path_row
from sweeps.schedulers import SCHEDULERS, SchedulerRow

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
    return path_row(name) if is_path(name) else _row("optimizer", name, OPTIMIZERS)


def scheduler_row(name: str) -> SchedulerRow:
    """The row of a scheduler. Raises ValueError with the nearest name if there is none."""
    return _row("scheduler", name, SCHEDULERS)


_Row = TypeVar("_Row")


def _row(kind: str, name: str, table: Mapping[str, _Row]) -> _Row:
    if name not in table:
        raise ValueError(unknown(kind, name, table))
    return table[name]


def optimizer_space(name: str, given: Domains) -> Domains:
    """What is searched for an optimizer: what the user gave, over what its row searches unasked.

    >>> optimizer_space("SGD", {"nesterov": Fixed(value=False)})
    {'momentum': Choice(values=(0.9, 0.0)), 'nesterov': Fixed(value=False)}
    """
    return {**optimizer_row(name).space, **given}


def scheduler_space(name: str, given: Domains, epochs: int) -> Domains:
    """What is searched for a scheduler: what the user gave, over what it takes from the budget.

    >>> scheduler_space("CosineAnnealingLR", {}, epochs=20)
    {'T_max': Fixed(value=20)}
    """
    row = scheduler_row(name)
    return {**{key: Fixed(value=rule(epochs)) for key, rule in row.from_budget.items()}, **given}
