"""Pairs of optimizer and scheduler: which a sweep has, and what is left of it without some of them."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from sweeps.spec import SweepSpec

Pair = tuple[str, str]
"""(optimizer, scheduler), by name."""


def pair_key(pair: Pair) -> str:
    """The name of the job that tries a pair.

    >>> pair_key(("SGD", "StepLR"))
    'SGD x StepLR'
    """
    return " x ".join(pair)


def pairs_of(spec: SweepSpec) -> Iterator[Pair]:
    """Every optimizer with every scheduler, in the order of the spec."""
    for optimizer in spec.optimizers:
        for scheduler in spec.schedulers:
            yield optimizer.name, scheduler.name


def without(spec: SweepSpec, left_out: Collection[Pair]) -> SweepSpec:
    """The spec without the optimizers and schedulers of which no pair is left."""
    left = [pair for pair in pairs_of(spec) if pair not in left_out]
    optimizers, schedulers = {pair[0] for pair in left}, {pair[1] for pair in left}
    return replace(
        spec,
        optimizers=tuple(each for each in spec.optimizers if each.name in optimizers),
        schedulers=tuple(each for each in spec.schedulers if each.name in schedulers),
    )
