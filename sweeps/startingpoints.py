"""What a search tries before its sampler proposes anything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from sweeps.catalogue import scheduler_row
from sweeps.domains import Value, contains
from sweeps.pairs import Pair
from sweeps.records import RangeTest
from sweeps.rules.readings import middle_of
from sweeps.space import Point, SearchSpace, of_trials, one_value, representative
from sweeps.spec import SweepSpec

_SPREAD = (1.0, 10**0.5, 10.0)
"""Where an optimizer's arms begin, in picks (docs/decisions/0009-starts-and-turns.md)."""
FOLK_LRS = (0.01, 0.001, 0.0001)
"""The LRs that people try by hand."""
FOLK_ORIGIN: Literal["folk grid"] = "folk grid"
"""What the trials of these LRs say that they come from."""


def starting_points(spec: SweepSpec, space: SearchSpace, tests: Sequence[RangeTest]) -> list[Point]:
    """What is tried first: the user's known-good points, then every arm at or above its range test's pick.

    Of an optimizer's arms the first is at the pick and the next ones above it, so that they also say where its LRs
    lie: a pick is cautious. Where a probe made it there is no need. A schedule whose LR is a peak starts at Smith's
    maximum instead. Points at pairs that are left out are not among them. Arms fill at most half of the trials, so
    that the sampler has the rest.
    """
    if spec.sampler.name == "grid":
        return list(space.grid())
    pairs = tuple(space.arms())
    given: list[Point] = [
        {
            "optimizer": start.optimizer,
            "scheduler": start.scheduler,
            f"{start.optimizer}.lr": start.lr,
            **start.params,
        }
        for start in spec.starts
        if (start.optimizer, start.scheduler) in pairs
    ]
    trusted = {test.optimizer: test for test in of_trials(spec, tests) if test.trusted}
    ahead = Counter[str]()
    arms = []
    for pair in pairs:
        peak = scheduler_row(pair[1]).is_peak
        times = 1.0 if peak else _SPREAD[ahead[pair[0]] % len(_SPREAD)]
        arms.append(_first_point(pair, space, trusted.get(pair[0]), times))
        ahead[pair[0]] += not peak
    free = spec.trials - len(folk_points(spec, space))
    return given + arms[: max(0, free // 2 - len(given))]


def folk_points(spec: SweepSpec, space: SearchSpace) -> list[Point]:
    """The LRs of the folk grid for every arm, where the spec asks for them; only in their LR do the three differ.

    They may lie outside of what is searched: they are there to be compared with, not to be learned from.
    """
    if not spec.folk_grid:
        return []
    return [
        {
            **_at(pair, space, lr),
            **{f"{pair[1]}.{name}": one_value(domain) for name, domain in space.schedulers[pair[1]].items()},
        }
        for pair in space.arms()
        for lr in FOLK_LRS
    ]


def _first_point(pair: Pair, space: SearchSpace, test: RangeTest | None, times: float) -> Point:
    """Where an arm begins: at so many times what its range test suggests, or there, if that may be tried."""
    if test is not None:
        above = None if test.probe else test.initial_lr * times
        for lr, more in (_smiths(test, pair[1], space), (above, {}), (test.initial_lr, {})):
            if lr is not None and contains(space.optimizers[pair[0]]["lr"], lr):
                return {**_at(pair, space, lr), **more}
    return {"optimizer": pair[0], "scheduler": pair[1]}


def _smiths(test: RangeTest, scheduler: str, space: SearchSpace) -> tuple[float | None, Mapping[str, Value]]:
    """Smith's maximum for a schedule whose LR is its peak, and how far below it the schedule begins.

    None for any other schedule, and where a probe has trained this one: its pick is a peak already.
    """
    row = scheduler_row(scheduler)
    if not row.is_peak or (test.probe and test.scheduler == scheduler):
        return None, {}
    given = space.schedulers[scheduler]
    return middle_of(test, "max"), {f"{scheduler}.{key}": value for key, value in row.smith.items() if key not in given}


def _at(pair: Pair, space: SearchSpace, lr: float) -> Point:
    """An arm at an LR, with the hyperparameters that its range test had: the suggestion holds for no other."""
    optimizer, scheduler = pair
    domains = {name: domain for name, domain in space.optimizers[optimizer].items() if name != "lr"}
    own = {f"{optimizer}.{name}": value for name, value in representative(domains, optimizer).items()}
    return {"optimizer": optimizer, "scheduler": scheduler, **own, f"{optimizer}.lr": lr}
