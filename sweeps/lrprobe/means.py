"""What a probe may spend, and how, from what stacked lanes cost on this machine."""

from dataclasses import dataclass

from sweeps.lanerecords import LaneProbe

_AT_ONCE, _LEAST = 16, 10
"""Full trainings of a lane that a probe takes with all seeds at once, and that one takes at least which is no guess."""
_PASSES = 1.5
"""How often a probe goes over the data that does not train all seeds at once, in budgets."""
_PLANNED = 0.85
"""The share of what may be spent that is planned: what was measured on a few steps is off by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What LrProbe takes: `afford` and `shared` in epochs of one lane, and whether all seeds train `at_once`."""

    afford: float
    shared: float
    at_once: bool


def means(lanes: LaneProbe, *, epochs: int, picks: int = 1, runs: float = 3.0) -> Means:
    """The means of one of so many picks whose probes train together, each at the cost of `runs` ordinary trainings.

    A stacked step costs a fixed part, which all share, and a part for each lane; both follow from the numbers of lanes
    that were timed. All seeds train at once where that is affordable; else the other seeds follow the first, which
    takes fewer lanes and more steps. A probe is never given less than ten full trainings of a lane, whatever they
    cost: with less it would guess.

    >>> means(LaneProbe(alone=1.0, stacked={4: 0.3, 32: 0.0625}), epochs=20, runs=4.0).at_once
    True
    >>> means(LaneProbe(alone=1.0, stacked={4: 1.1, 32: 0.625}), epochs=20, runs=3.0)
    Means(afford=200, shared=3.897435897435898, at_once=False)
    """
    each, fixed = _costs(lanes)
    shared = fixed / picks / each
    spend = _PLANNED * runs * lanes.alone / each
    if spend - shared >= _AT_ONCE:
        return Means(afford=(spend - shared) * epochs, shared=shared, at_once=True)
    return Means(afford=max(_LEAST, spend - _PASSES * shared) * epochs, shared=shared, at_once=False)


def _costs(lanes: LaneProbe) -> tuple[float, float]:
    """Seconds that a step takes for each lane, and for all of them together."""
    few, many = min(lanes.stacked, default=0), max(lanes.stacked, default=0)
    if lanes.refused is not None or not lanes.stacked:
        return lanes.alone, 0.0
    if few == many:
        return lanes.stacked[many], 0.0
    totals = {count: count * lanes.stacked[count] for count in (few, many)}
    each = (totals[many] - totals[few]) / (many - few)
    # Noise can make many lanes seem to cost no more than few.
    each = max(each, 0.1 * lanes.stacked[many])
    return each, max(0.0, totals[few] - few * each)
