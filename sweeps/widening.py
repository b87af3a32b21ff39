"""Whether a ramp must go further, and where to: a curve that shows no end of its LRs says little."""

import math
from dataclasses import replace

from sweeps.records import Ramp, RangeTest
from sweeps.rules.shape import shapes_of

_UP, _DOWN = 100.0, 1000.0
"""How much further a ramp goes: two decades up; three down, since everything above is known to diverge."""
_LINEAR = 3.0
"""The same for a linear ramp, whose first step alone would go far beyond if it went so far."""
_AT_ONCE = 0.1
"""A loss that blows up within this share of the ramp's steps has done so at once."""


def wider(ramp: Ramp, test: RangeTest) -> Ramp | None:
    """The ramp to run instead, from the start; None if this one shows where LRs end.

    Where on most seeds the loss never turns up, the ramp goes two decades higher, at as many steps a decade; where it
    blows up at once and learns nothing, three lower, up to just above where it blew up. A linear one ends three times
    higher, or lower by as much.
    """
    shapes = [shape for shape in shapes_of(test) if shape is not None]
    calm = sum(not shape.turned_up for shape in shapes)
    early = [len(shape.curve) for shape in shapes if shape.exploded and not shape.learned]
    # A loss that is not finite from the second step on leaves no shape.
    wild = sum(steps <= max(2, _AT_ONCE * ramp.steps) for steps in early) + sum(
        len(curve) == 1 for curve in test.losses
    )
    if calm * 2 > len(shapes):
        return _higher(ramp)
    return _lower(ramp) if wild * 2 > sum(map(bool, test.losses)) else None


def _higher(ramp: Ramp) -> Ramp:
    if ramp.growth == "linear":
        return replace(ramp, high=ramp.high * _LINEAR)
    return _stretched(ramp, ramp.low, ramp.high * _UP)


def _lower(ramp: Ramp) -> Ramp | None:
    if ramp.growth == "linear":
        return replace(ramp, high=ramp.high / _LINEAR) if ramp.high / _LINEAR > ramp.low else None
    return _stretched(ramp, ramp.low / _DOWN, ramp.low * _UP)


def _stretched(ramp: Ramp, low: float, high: float) -> Ramp:
    decades = math.log(high / low) / math.log(ramp.high / ramp.low)
    return replace(ramp, low=low, high=high, steps=max(2, round(ramp.steps * decades)))
