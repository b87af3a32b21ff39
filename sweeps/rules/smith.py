"""Smith's rules: the largest LR at which training still gets better, and the share of it to start from.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186): the maximum is where accuracy
stops rising, the base LR a third of it; for one cycle a tenth.
"""

from collections.abc import Sequence

from sweeps.rules.shape import shape_of
from sweeps.rules.tools import Point


def max_of_accuracy(lrs: Sequence[float], accuracies: Sequence[float]) -> float | None:
    """The LR at which accuracy was highest, the first of several; None where it never rose above the first point.

    >>> max_of_accuracy([0.01, 0.1, 1.0, 10.0], [0.1, 0.6, 0.8, 0.2])
    1.0
    """
    best = max(range(len(accuracies)), key=accuracies.__getitem__, default=0)
    return lrs[best] if best > 0 else None


def max_of_loss(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """The largest LR before the smoothed training loss turns up; None where it never fell."""
    shape = shape_of(losses, len(lrs))
    return None if shape is None or shape.lowest == 0 else lrs[shape.lowest]


def share(point: Point, divisor: int) -> Point:
    """The LR of another rule, divided."""

    def read(lrs: Sequence[float], values: Sequence[float]) -> float | None:
        lr = point(lrs, values)
        return None if lr is None else lr / divisor

    return read
