"""Where a probe looks: the span of LRs that a range test's curves leave open."""

from sweeps.records import RangeTest
from sweeps.rules.readings import middle
from sweeps.rules.shape import explosion
from sweeps.rules.smoothing import smoothed

_WEIGHT = 0.9
"""The weight of the past in the moving average: a ramp of a hundred steps would be late with fastai's."""
_BELOW, _ABOVE = 100.0, 2.0
"""The span reaches this factor below the LR at which the ramp's loss was lowest, and above it."""


def probe_span(test: RangeTest) -> tuple[float, float]:
    """The span of LRs, (low, high), around the LR at which the loss of the ramp was lowest, the median over its seeds.

    The whole training takes many more steps than a ramp, hence the long way down; what the ramp just survives explodes
    soon, hence the short way up. Without a curve it is the test's own range.
    """
    lowest = middle([lr for losses in test.losses if len(losses) > 1 and (lr := _lowest(test, losses))])
    return (test.low, test.high) if lowest is None else (lowest / _BELOW, lowest * _ABOVE)


def _lowest(test: RangeTest, losses: tuple[float, ...]) -> float:
    curve = smoothed(losses, _WEIGHT)
    return test.lrs[min(range(explosion(curve)), key=curve.__getitem__)]
