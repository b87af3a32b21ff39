"""The LR range test: a ramp of growing LRs, and what its curves say about where to search.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), with the exponential
growth of today's tools.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sweeps.catalogue import optimizer_row
from sweeps.records import Ramp, RangeTest
from sweeps.rules import smoothed, valley

_DIVERGED = 4.0
"""A loss of so many times the lowest before it counts as divergence: fastai's stop rule."""
_LEARNED = 0.02
"""A curve that never falls by more than this share of its start has learned nothing."""
_BELOW, _ABOVE = 10.0, 3.0
"""The search reaches this factor below the pick, and above the LR at which the loss was lowest."""


def ramp_lrs(ramp: Ramp) -> list[float]:
    """The LR of every step, [steps], growing by the same factor each step.

    >>> ramp_lrs(Ramp(low=0.01, high=1.0, steps=3))
    [0.01, 0.1, 1.0]
    """
    last = ramp.steps - 1
    inner = [ramp.low * (ramp.high / ramp.low) ** (step / last) for step in range(1, last)]
    return [ramp.low, *inner, ramp.high]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What one seed's curve says: the valley, where the loss was lowest, and whether it learned at all."""

    pick: float
    lowest: float
    learned: bool


def _read(lrs: Sequence[float], losses: Sequence[float]) -> _Reading:
    curve = smoothed(losses)
    curve = curve[: _explosion(curve)]
    lowest = min(range(len(curve)), key=curve.__getitem__)
    return _Reading(
        pick=valley(lrs, curve),
        lowest=lrs[lowest],
        learned=curve[0] - curve[lowest] > _LEARNED * abs(curve[0]),
    )


def _explosion(curve: Sequence[float]) -> int:
    """The step at which the loss blew up, or the curve's length; what comes after it is noise for the rules."""
    lowest = curve[0]
    for step, loss in enumerate(curve):
        lowest = min(lowest, loss)
        # Written as a distance, so that a loss below zero, a log-likelihood say, can blow up as well.
        if loss - lowest > (_DIVERGED - 1) * abs(lowest):
            return max(2, step)
    return len(curve)


def read_range_test(
    optimizer: str, seeds: Sequence[int], lrs: Sequence[float], losses: Sequence[Sequence[float]]
) -> RangeTest:
    """Reads a range test's curves: the median valley over the seeds is the pick, and bounds lie around it.

    `lrs` is [steps]; `losses` is [seeds][steps], finite, cut short where a seed's loss turned NaN or infinite.
    The search's upper bound is three times the LR of the lowest smoothed loss (median over the seeds): a ramp of
    few steps may not yet show what an LR does to a whole training. The lower one lies 10 times below the pick. A
    test in which most seeds learned nothing is not trusted and gives the catalogue's bounds.
    """
    row = optimizer_row(optimizer)
    readings = [_read(lrs, curve) for curve in losses if len(curve) > 1]
    learned = [reading for reading in readings if reading.learned]
    reasons = []
    if len(learned) * 2 <= len(losses):
        reasons.append(f"only {len(learned)} of {len(losses)} seeds lowered the loss anywhere on the ramp")
    if reasons:
        pick, low, high = row.default_lr, row.lr.low, row.lr.high
    else:
        pick = math.exp(median(math.log(reading.pick) for reading in learned))
        high = max(median(reading.lowest for reading in learned), pick) * _ABOVE
        low = pick / _BELOW
    return RangeTest(
        optimizer=optimizer,
        initial_lr=pick,
        low=low,
        high=high,
        trusted=not reasons,
        reasons=tuple(reasons),
        seeds=tuple(seeds),
        lrs=tuple(lrs),
        losses=tuple(tuple(curve) for curve in losses),
    )
