"""The search space of a sweep: for every optimizer and scheduler the domains of their own parameters."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweeps.catalogue import optimizer_row, optimizer_space, scheduler_space
from sweeps.domains import Choice, Domain, Domains, Fixed, Range, Value, contains, values_of
from sweeps.records import RangeTest
from sweeps.spec import SweepSpec

Point = Mapping[str, Value]
"""A point, whole or in part: `optimizer`, `scheduler`, and parameters by full name, `SGD.lr` among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """Domains by optimizer (`lr` among them) and by scheduler; nobody sees another's parameters."""

    optimizers: Mapping[str, Domains]
    schedulers: Mapping[str, Domains]

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
            "scheduler": Choice(values=tuple(self.schedulers)),
        }

    def arms(self) -> Iterator[tuple[str, str]]:
        """Every (optimizer, scheduler), all optimizers of one scheduler before the next scheduler."""
        for scheduler, optimizer in itertools.product(self.schedulers, self.optimizers):
            yield optimizer, scheduler

    def grid(self) -> Iterator[Point]:
        """Every point of a space without ranges."""
        for optimizer, scheduler in self.arms():
            dims = {f"{optimizer}.{name}": domain for name, domain in self.optimizers[optimizer].items()}
            dims |= {f"{scheduler}.{name}": domain for name, domain in self.schedulers[scheduler].items()}
            for values in itertools.product(*(values_of(domain) for domain in dims.values())):
                yield {"optimizer": optimizer, "scheduler": scheduler, **dict(zip(dims, values, strict=True))}


def search_space(spec: SweepSpec, tests: Sequence[RangeTest], epochs: int) -> SearchSpace:
    """The space that a spec means once its range tests are known; `epochs` is one trial's budget."""
    bounds = {test.optimizer: Range(low=test.low, high=test.high, log=True) for test in tests}
    return SearchSpace(
        optimizers={
            optimizer.name: {
                "lr": optimizer.lr or bounds.get(optimizer.name) or optimizer_row(optimizer.name).lr,
                **_searched(spec, optimizer_space(optimizer.name, optimizer.params), optimizer.params),
            }
            for optimizer in spec.optimizers
        },
        schedulers={
            scheduler.name: scheduler_space(scheduler.name, scheduler.params, epochs) for scheduler in spec.schedulers
        },
    )


def _searched(spec: SweepSpec, space: Domains, given: Domains) -> Domains:
    """A grid cannot list the ranges that a row searches unasked: it leaves them at torch's default."""
    if spec.sampler.name != "grid":
        return space
    return {name: domain for name, domain in space.items() if name in given or not isinstance(domain, Range)}


def starting_points(spec: SweepSpec, space: SearchSpace, tests: Sequence[RangeTest]) -> list[Point]:
    """What is tried first: the user's known-good points, then every arm at its range test's pick.

    Arms fill at most half of the trials, so that the sampler has the rest.
    """
    if spec.sampler.name == "grid":
        return list(space.grid())
    given: list[Point] = [
        {
            "optimizer": start.optimizer,
            "scheduler": start.scheduler,
            f"{start.optimizer}.lr": start.lr,
            **start.params,
        }
        for start in spec.starts
    ]
    picks = {test.optimizer: test.initial_lr for test in tests if test.trusted}
    arms: list[Point] = []
    for optimizer, scheduler in space.arms():
        point: dict[str, Value] = {"optimizer": optimizer, "scheduler": scheduler}
        domains = {name: domain for name, domain in space.optimizers[optimizer].items() if name != "lr"}
        pick = picks.get(optimizer)
        if pick is not None and contains(space.optimizers[optimizer]["lr"], pick):
            # The pick holds for the hyperparameters of its range test and for no other.
            point |= {f"{optimizer}.{name}": value for name, value in representative(domains, optimizer).items()}
            point[f"{optimizer}.lr"] = pick
        arms.append(point)
    return given + arms[: max(0, spec.trials // 2 - len(given))]


def representative(space: Domains, name: str) -> dict[str, Value]:
    """One value for each of an optimizer's searched hyperparameters, for its range test.

    A fixed value is itself, a choice its first, a range torch's default or else its middle.
    """
    defaults = optimizer_row(name).searchable
    values: dict[str, Value] = {}
    for key, domain in space.items():
        match domain:
            case Fixed(value=value):
                values[key] = value
            case Choice(values=choices):
                values[key] = choices[0]
            case Range(low=low, high=high, log=log, integer=integer):
                default = defaults[key].default
                if default is not None and contains(domain, default):
                    values[key] = default
                else:
                    middle = math.sqrt(low * high) if log else (low + high) / 2
                    values[key] = round(middle) if integer else middle
    return values
