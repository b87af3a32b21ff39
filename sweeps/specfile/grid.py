"""How many points a grid has."""

import math
from collections.abc import Sequence

from sweeps.catalogue import optimizer_space
from sweeps.domains import Domains, Range, values_of
from sweeps.spec import OptimizerSpec, SchedulerSpec


def grid_size(optimizers: Sequence[OptimizerSpec], schedulers: Sequence[SchedulerSpec]) -> int:
    """The points of the grid over every (optimizer, scheduler). Raises ValueError where a range was given, or no LR.

    Ranges that a row of the catalogue searches unasked cannot be listed: in a grid they stay at torch's default.

    >>> from sweeps.domains import Choice
    >>> lr = Choice(values=(0.01, 0.001, 0.0001))
    >>> grid_size([OptimizerSpec(name="SGD", lr=lr), OptimizerSpec(name="AdamW", lr=lr)], [SchedulerSpec(name="none")])
    9
    """
    return sum(_points(optimizer) for optimizer in optimizers) * sum(_size(each.params) for each in schedulers)


def _points(optimizer: OptimizerSpec) -> int:
    if optimizer.lr is None:
        raise ValueError(f"a grid needs the LRs of {optimizer.name}")
    space = optimizer_space(optimizer.name, optimizer.params)
    unasked = {key for key, domain in space.items() if key not in optimizer.params and isinstance(domain, Range)}
    listed = {key: domain for key, domain in space.items() if key not in unasked}
    return _size({"lr": optimizer.lr, **listed})


def _size(domains: Domains) -> int:
    return math.prod(len(tuple(values_of(domain))) for domain in domains.values())
