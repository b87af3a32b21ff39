"""What a ramp of plain gradient descent says about the curvature: the largest stable LR and the best constant one.

On 0.5 sum_i h_i w_i^2 a step multiplies each w_i by 1 - lr h_i, so that the loss changes by a factor r that is an
average of (1 - lr h_i)^2. Below 2/(L + mu), (1 - sqrt(r)) / lr is at least the smallest curvature mu, and comes down to
it as the steep directions die out; while the loss grows, (1 + sqrt(r)) / lr is at most the largest curvature L, and
comes up to it as the steepest direction takes over. The loss itself begins to grow long after the LR has passed 2/L:
what grows was next to nothing by then.
Source: Boyd and Vandenberghe, Convex Optimization (2004), section 9.3, for 2/L and 2/(L + mu).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sweeps.records import RangeTest
from sweeps.rules.readings import middle

_GREW = 100.0
"""A loss that grew by so many times at the end of its ramp did so for the curvature, and not for noise."""
_STEPS = 3
"""Steps of growth at the end of the ramp, at least."""
_ROUNDS = 5
"""How often the LRs that show the smallest curvature are chosen anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curvature:
    """The smallest and the largest curvature that a ramp has met; exact for a quadratic on all data at every step.

    Elsewhere it says how steep the loss is where the ramp blew up.
    """

    smallest: float
    largest: float

    @property
    def largest_stable_lr(self) -> float:
        """The LR above which gradient descent diverges, 2/L."""
        return 2 / self.largest

    @property
    def best_lr(self) -> float:
        """The constant LR at which gradient descent converges quickest, 2/(L + mu)."""
        return 2 / (self.largest + self.smallest)


def curvature(test: RangeTest) -> Curvature | None:
    """What the ramp of plain gradient descent met, the median over the seeds; None if it did not blow up.

    For momentum, or steps that are scaled, the numbers mean nothing.
    """
    found = [each for losses in test.losses if (each := curvature_of(test.lrs, losses)) is not None]
    if len(found) * 2 <= len(test.losses):
        return None
    smallest, largest = middle([each.smallest for each in found]), middle([each.largest for each in found])
    assert smallest is not None
    assert largest is not None
    return Curvature(smallest=smallest, largest=largest)


def curvature_of(lrs: Sequence[float], losses: Sequence[float]) -> Curvature | None:
    """What one seed's ramp met: each loss is the one before the step at its LR, [steps], cut where it turned infinite.

    None where the loss is not always above zero, or did not grow a hundredfold at the end.
    """
    if min(losses, default=0.0) <= 0:
        return None
    roots = [math.sqrt(after / before) for before, after in pairwise(losses)]
    start = len(roots)
    while start and roots[start - 1] > 1:
        start -= 1
    if len(roots) - start < _STEPS or losses[-1] < _GREW * losses[start]:
        return None
    largest = max((1 + root) / lr for lr, root in zip(lrs[start:], roots[start:], strict=False))
    smallest, steps = largest, list(zip(lrs, roots, strict=False))
    for _ in range(_ROUNDS):
        # Only where the flattest direction is the slowest. The closer to it, the sooner the steep ones have died out.
        calm = [(1 - root) / lr for lr, root in steps if lr <= 2 / (largest + smallest)]
        smallest = min([smallest, *(each for each in calm if each > 0)])
    return Curvature(smallest=smallest, largest=largest)
