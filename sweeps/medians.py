"""The middle of several seeds' curves, where some are cut short."""

from collections.abc import Sequence
from statistics import median


def median_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    """The median over the seeds at every point that at least half of them reached, [points].

    >>> median_curve([[3.0, 2.0, 1.0], [5.0, 4.0], [4.0, 3.0]])
    [4.0, 3.0]
    """
    points = max(map(len, curves), default=0)
    alive = ([curve[point] for curve in curves if point < len(curve)] for point in range(points))
    return [median(values) for values in alive if len(values) * 2 >= len(curves)]
