"""Which LRs of a probe go on at a rung: those that may yet be best at the end."""

import math
from collections.abc import Sequence
from statistics import fmean

from sweeps.lrprobe.evidence import Evidence

_PACE = 2.0
"""A curve may yet fall so many times faster, per doubling of its epochs, than it fell in the last doubling."""
_SHORT, _WORSE = 0.03, 0.2
"""Shares of the improvement so far: a low LR that will stay this far behind is out, and a high LR that now is."""
_FEWEST = 4
"""So many go on in any case: the best one of now may be a lucky one."""


def promising(evidence: Evidence, lrs: Sequence[float], *, at: int, epochs: int) -> list[float]:
    """Those stable LRs that may be best after `epochs` epochs, seen after `at` of them, ascending.

    An LR below the best one goes on if its curve, falling twice as fast per doubling of the epochs as in the last
    doubling, would come near the best of now. An LR above it has gone as far as it can, but for a schedule that
    calms it: it goes on if it lies near the best of now.
    """
    if not lrs:
        return []
    now = {lr: _level(evidence.curve(lr), at) for lr in lrs}
    best = min(now, key=now.__getitem__)
    scale = max(0.0, evidence.start() - now[best])

    def shortfall(lr: float) -> float:
        """How far it is behind, in units of what is allowed."""
        if lr == best or scale == 0:
            return 0.0
        if lr > best:
            return (now[lr] - now[best]) / (_WORSE * scale)
        return (_reach(evidence.curve(lr), at, epochs) - now[best]) / (_SHORT * scale)

    ranked = sorted(lrs, key=shortfall)
    return sorted(lr for place, lr in enumerate(ranked) if place < _FEWEST or shortfall(lr) <= 1)


def _level(curve: Sequence[float], at: int) -> float:
    """Where a curve stands: its mean over the last quarter."""
    return fmean(curve[at - max(1, at // 4) : at])


def _reach(curve: Sequence[float], at: int, epochs: int) -> float:
    """The lowest that a curve may come to."""
    half = at // 2
    if half == 0:
        return -math.inf
    pace = max(0.0, curve[half - 1] - curve[at - 1]) / math.log2(at / half)
    return curve[at - 1] - _PACE * pace * math.log2(epochs / at)
