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
_LEARNED = 0.98
"""A curve that never falls below this share of its start has learned nothing."""
_BELOW = 30.0
"""The search reaches this factor below the pick, where training is slow but sure."""


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
    """What one seed's curve says: the valley, where it blew up (None: nowhere), and whether it learned."""

    pick: float
    explodes: float | None
    learned: bool


def _read(lrs: Sequence[float], losses: Sequence[float]) -> _Reading:
    curve = smoothed(losses)
    lowest, explodes = curve[0], None
    for lr, loss in zip(lrs, curve, strict=False):
        lowest = min(lowest, loss)
        if loss > _DIVERGED * lowest:
            explodes = lr
            break
    if explodes is None and len(losses) < len(lrs):
        explodes = lrs[len(losses)]
    end = len(curve) if explodes is None else max(2, lrs.index(explodes))
    return _Reading(pick=valley(lrs[:end], curve[:end]), explodes=explodes, learned=min(curve) < _LEARNED * curve[0])


def read_range_test(
    optimizer: str, seeds: Sequence[int], lrs: Sequence[float], losses: Sequence[Sequence[float]]
) -> RangeTest:
    """Reads a range test's curves: the median valley over the seeds is the pick, and bounds lie around it.

    `lrs` is [steps]; `losses` is [seeds][steps], finite, cut short where a seed's loss turned NaN or infinite.
    The upper bound is the lowest LR at which any seed blew up (the end of the ramp if none did); the lower one
    lies 30 times below the pick. A test in which most seeds learned nothing is not trusted and gives the
    catalogue's bounds.
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
        blown = [reading.explodes for reading in learned if reading.explodes is not None]
        high = max(min(blown, default=lrs[-1]), pick * 3)
        low = max(pick / _BELOW, row.lr.low)
    return RangeTest(
        optimizer=optimizer,
        initial_lr=pick,
        low=min(low, pick),
        high=high,
        trusted=not reasons,
        reasons=tuple(reasons),
        seeds=tuple(seeds),
        lrs=tuple(lrs),
        losses=tuple(tuple(curve) for curve in losses),
    )
