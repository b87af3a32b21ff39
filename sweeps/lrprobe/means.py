"""What a probe may spend, and how, from what stacked lanes cost on this machine."""

from dataclasses import dataclass

from sweeps.lanerecords import LaneProbe

_AT_ONCE, _LEAST = 16, 10
"""Full trainings of a lane that a probe takes with all seeds at once, and that one takes at least which is no guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What LrProbe takes: `afford` in epochs of one lane, and whether all seeds train `at_once`."""

    afford: float
    at_once: bool


def means(lanes: LaneProbe, *, epochs: int, picks: int = 1, runs: float = 3.0) -> Means:
    """The means of one of so many picks whose probes train together, each at the cost of `runs` ordinary trainings.

    A stacked step costs a fixed part, which all share, and a part for each lane; both follow from the numbers of lanes
    that were timed. All seeds train at once where that is affordable; else the other seeds follow the first, which
    takes fewer lanes and twice the steps. A probe is never given less than ten full trainings of a lane, whatever
    they cost: with less it would guess.

    >>> means(LaneProbe(alone=1.0, stacked={4: 0.3, 32: 0.0625}), epochs=20, runs=3.0)
    Means(afford=1340.0, at_once=True)
    >>> means(LaneProbe(alone=1.0, stacked={4: 1.1, 32: 0.625}), epochs=20, runs=3.0)
    Means(afford=200, at_once=False)
    """
    each, fixed = _costs(lanes)
    wide, narrow = ((runs * lanes.alone - passes * fixed / picks) / each for passes in (1, 2))
    if wide >= _AT_ONCE:
        return Means(afford=wide * epochs, at_once=True)
    return Means(afford=max(_LEAST, narrow) * epochs, at_once=False)


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
