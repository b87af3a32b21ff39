"""How many points a grid has."""

import math
from collections.abc import Sequence

from sweeps.domains import Domains, values_of
from sweeps.space import hyperparameters
from sweeps.spec import GroupSpec, OptimizerSpec, SchedulerSpec


def grid_size(
    optimizers: Sequence[OptimizerSpec], schedulers: Sequence[SchedulerSpec], groups: Sequence[GroupSpec] = ()
) -> int:
    """The points of the grid over every (optimizer, scheduler). Raises ValueError where a range was given, or no LR.

    Ranges that a row of the catalogue searches unasked cannot be listed: in a grid they stay at torch's default.

    >>> from sweeps.domains import Choice
    >>> lr = Choice(values=(0.01, 0.001, 0.0001))
    >>> grid_size([OptimizerSpec(name="SGD", lr=lr), OptimizerSpec(name="AdamW", lr=lr)], [SchedulerSpec(name="none")])
    9
    """
    return sum(_points(optimizer, groups) for optimizer in optimizers) * sum(_size(each.params) for each in schedulers)


def _points(optimizer: OptimizerSpec, groups: Sequence[GroupSpec]) -> int:
    if optimizer.lr is None:
        raise ValueError(f"a grid needs the LRs of {optimizer.name}")
    return _size({"lr": optimizer.lr, **hyperparameters(optimizer, groups, listed=True)})


def _size(domains: Domains) -> int:
    return math.prod(len(tuple(values_of(domain))) for domain in domains.values())
