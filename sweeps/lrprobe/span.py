"""Where a probe looks: the span of LRs that a range test's curves leave open."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sweeps.records import RangeTest
from sweeps.rules.readings import middle
from sweeps.rules.shape import explosion
from sweeps.rules.smoothing import smoothed
from sweeps.spec import RAMP_STEPS

_WEIGHT = 0.9
"""The weight of the past in the moving average: a ramp of a hundred steps would be late with fastai's."""
_SETTLED = 10
"""Steps after which that average holds as many losses as it ever weighs, 1 / (1 - 0.9)."""
_BELOW, _ABOVE = 100.0, 2.0
"""The span reaches this factor below the LR at which the ramp's loss was lowest, and above it."""
_LITTLE = 0.2
"""A ramp whose loss fell by less than this share of its start says by its lowest loss next to nothing."""
_UNDER, _WIDE = 2.0, 200.0
"""The span then ends this factor below the LR at which the loss exploded, and is so wide."""
_SHARE, _FEWEST = 1 / 5, 60
"""A ramp that is to say where a probe looks takes this share of a training's steps, and so many at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ramp:
    """The LRs at which one seed's smoothed loss was lowest and at which it exploded, and the share that it fell."""

    lowest: float
    exploded: float
    fell: float


def span_steps(budget: int) -> int:
    """The steps of a ramp that a probe of so many steps a lane follows, where nobody said how many.

    >>> [span_steps(budget) for budget in (150, 404, 10_000)]
    [60, 80, 100]
    """
    return min(RAMP_STEPS, max(_FEWEST, int(_SHARE * budget)))


def untrained(test: RangeTest, metric: str) -> float | None:
    """What a model has that has learned nothing, the median over the seeds; None where nothing was validated.

    The first look at a ramp comes after a few steps at its lowest LRs, at which next to nothing is learned.
    """
    firsts = [values[0] for values in test.metrics.get(metric, ()) if values and math.isfinite(values[0])]
    return median(firsts) if firsts else None


def probe_span(test: RangeTest) -> tuple[float, float]:
    """The span of LRs, (low, high), around the LR at which the loss of the ramp was lowest, the median over its seeds.

    The whole training takes many more steps than a ramp, hence the long way down; what the ramp just survives explodes
    soon, hence the short way up. Where the ramp learned too little to tell, the span lies below the LR at which it
    exploded. Without a curve it is the test's own range.
    """
    ramps = [_read(test, losses) for losses in test.losses if len(losses) > 1]
    lowest, exploded = middle([each.lowest for each in ramps]), middle([each.exploded for each in ramps])
    if lowest is None or exploded is None:
        return test.low, test.high
    if median(each.fell for each in ramps) < _LITTLE:
        return exploded / _UNDER / _WIDE, exploded / _UNDER
    return lowest / _BELOW, lowest * _ABOVE


def _read(test: RangeTest, losses: Sequence[float]) -> _Ramp:
    curve = smoothed(losses, _WEIGHT)
    # The first values of a moving average are those of single batches: a lucky one may be the lowest of all.
    first = min(_SETTLED, len(curve) // 2)
    end = first + explosion(curve[first:])
    lowest = min(range(first, end), key=curve.__getitem__)
    start = fmean(losses[: max(1, len(losses) // 10)])
    return _Ramp(
        lowest=test.lrs[lowest],
        exploded=test.lrs[min(end, len(losses) - 1)],
        fell=(start - curve[lowest]) / abs(start) if start else 0.0,
    )
