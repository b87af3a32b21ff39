"""The search space of a sweep: for every optimizer and scheduler the domains of their own parameters."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweeps.catalogue import optimizer_row, optimizer_space, scheduler_space
from sweeps.domains import Choice, Domain, Domains, Fixed, Range, Value, contains, values_of
from sweeps.groups import LR_MULTIPLIER
from sweeps.pairs import Pair, without
from sweeps.records import RangeTest
from sweeps.spec import GroupSpec, OptimizerSpec, SweepSpec

Point = Mapping[str, Value]
"""A point, whole or in part: `optimizer`, `scheduler`, and parameters by full name, `SGD.lr` among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Domains by optimizer (`lr` among them) and by scheduler; nobody sees another's parameters.

    Every optimizer meets every scheduler, but for the pairs that are left out.
    """

    optimizers: Mapping[str, Domains]
    schedulers: Mapping[str, Domains]
    left_out: frozenset[Pair] = frozenset()

    def scheduler_dimension(self, optimizer: str) -> tuple[str, Domain]:
        """The name and the domain of the choice of this optimizer's scheduler.

        A dimension has the same choices throughout a search, so an optimizer that does not meet all schedulers has
        one of its own; that is fixed where only one scheduler is left.
        """
        met = tuple(name for name in self.schedulers if (optimizer, name) not in self.left_out)
        if len(met) == len(self.schedulers):
            return "scheduler", Choice(values=met)
        return f"{optimizer}.scheduler", Fixed(value=met[0]) if len(met) == 1 else Choice(values=met)

    def flat(self) -> dict[str, Domain]:
        """Every dimension by full name, whoever it belongs to."""
        sides = (self.optimizers, self.schedulers)
        return {
            f"{owner}.{name}": domain
            for side in sides
            for owner, domains in side.items()
            for name, domain in domains.items()
        } | {
            "optimizer": Choice(values=tuple(self.optimizers)),
            **dict(map(self.scheduler_dimension, self.optimizers)),
        }

    def arms(self) -> Iterator[Pair]:
        """Every (optimizer, scheduler) that may be proposed, all optimizers of one scheduler before the next one."""
        for scheduler, optimizer in itertools.product(self.schedulers, self.optimizers):
            if (optimizer, scheduler) not in self.left_out:
                yield optimizer, scheduler

    def grid(self) -> Iterator[Point]:
        """Every point of a space without ranges."""
        for optimizer, scheduler in self.arms():
            dims = {f"{optimizer}.{name}": domain for name, domain in self.optimizers[optimizer].items()}
            dims |= {f"{scheduler}.{name}": domain for name, domain in self.schedulers[scheduler].items()}
            for values in itertools.product(*(values_of(domain) for domain in dims.values())):
                yield {"optimizer": optimizer, "scheduler": scheduler, **dict(zip(dims, values, strict=True))}


def search_space(
    spec: SweepSpec, tests: Sequence[RangeTest], epochs: int, left_out: Collection[Pair] = ()
) -> SearchSpace:
    """The space that a spec means once its range tests are known; `epochs` is one trial's budget.

    An optimizer or a scheduler of which no pair is left is out of it altogether.
    """
    spec = without(spec, left_out)
    bounds = {test.optimizer: Range(low=test.low, high=test.high, log=True) for test in of_trials(spec, tests)}
    return SearchSpace(
        optimizers={
            optimizer.name: {
                "lr": optimizer.lr or bounds.get(optimizer.name) or optimizer_row(optimizer.name).lr,
                **hyperparameters(optimizer, spec.groups, listed=spec.sampler.name == "grid"),
            }
            for optimizer in spec.optimizers
        },
        schedulers={
            scheduler.name: scheduler_space(scheduler.name, scheduler.params, epochs) for scheduler in spec.schedulers
        },
        left_out=frozenset(left_out),
    )


def of_trials(spec: SweepSpec, tests: Sequence[RangeTest]) -> Sequence[RangeTest]:
    """The range tests that speak of a trial's LR, and not of one group's."""
    return () if spec.range_test is not None and spec.range_test.group else tests


def hyperparameters(optimizer: OptimizerSpec, groups: Sequence[GroupSpec], *, listed: bool = False) -> Domains:
    """All that is searched of an optimizer but its LR: its own, and of each group what the optimizer has itself.

    A grid cannot list the ranges that a row searches unasked: `listed` leaves them at torch's default.
    """
    row = optimizer_row(optimizer.name)
    own = {
        key: domain
        for key, domain in optimizer_space(optimizer.name, optimizer.params).items()
        if not listed or key in optimizer.params or not isinstance(domain, Range)
    }
    of_groups = {
        f"{each.group.name}.{key}": domain
        for each in groups
        for key, domain in each.params.items()
        if key == LR_MULTIPLIER or key in row.searchable
    }
    return {**own, **of_groups}


def representative(space: Domains, name: str) -> dict[str, Value]:
    """One value for each of an optimizer's searched hyperparameters, its groups' among them, for its range test.

    A fixed value is itself, a choice its first, a range torch's default or else its middle.
    """
    params = optimizer_row(name).searchable
    values: dict[str, Value] = {}
    for key, domain in space.items():
        _, _, last = key.rpartition(".")
        values[key] = one_value(domain, 1.0 if last == LR_MULTIPLIER else params[last].default)
    return values


def one_value(domain: Domain, default: Value | None = None) -> Value:
    """One value of a domain: the first of a choice, in a range the default or else the middle.

    >>> one_value(Range(low=0.01, high=1.0, log=True))
    0.1
    """
    match domain:
        case Fixed(value=value):
            return value
        case Choice(values=choices):
            return choices[0]
        case Range(low=low, high=high, log=log, integer=integer):
            if default is not None and contains(domain, default):
                return default
            middle = math.sqrt(low * high) if log else (low + high) / 2
            return round(middle) if integer else middle
