"""Where each rule puts its finger on a curve: pure functions of (lrs, losses), both [steps], taken as they come."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

_SLIDE_WIDTH, _SLIDE_CALM = 15, 0.005
"""fastai's slide: steps between the two gradients that it compares, and how far apart they may be where it stops."""


def valley(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR midway down the longest valley (fastai's default rule).

    The longest strictly decreasing subsequence of the losses, of length d and ending at index e, begins at
    s = e - d; with third = (e - s) / 3 the pick is lrs[s + int(third) + int(third / 2)].

    >>> valley([10.0**k for k in range(-7, 1)], [1.0, 0.9, 0.7, 0.5, 0.3, 0.2, 0.15, 3.0])
    1e-05
    """
    longest = _falls(losses)
    end = max(range(len(losses)), key=longest.__getitem__)
    start = end - longest[end]
    third = (end - start) / 3
    return lrs[max(0, start + int(third) + int(third / 2))]


def _falls(losses: Sequence[float]) -> list[int]:
    """The length of the longest strictly decreasing subsequence that ends at each step, [steps], in n log n."""
    ends: list[float] = []
    lengths = []
    for loss in losses:
        # ends[k] is the highest loss, negated, at which a fall of k + 1 steps ends.
        place = bisect_left(ends, -loss)
        ends[place : place + 1] = [-loss]
        lengths.append(place + 1)
    return lengths


def gradient(values: Sequence[float], at: Sequence[float] | None = None) -> list[float]:
    """The derivative at each of at least two points, [steps], over `at` or else the index.

    Second order inside, also where points are not evenly spaced, and one-sided at the ends: `numpy.gradient`,
    `torch.gradient`.

    >>> gradient([0.0, 1.0, 4.0, 9.0])
    [1.0, 2.0, 4.0, 5.0]
    """
    places = range(len(values)) if at is None else at
    slopes = [
        (after - before) / (b - a) for before, after, a, b in zip(values, values[1:], places, places[1:], strict=False)
    ]
    gaps = [b - a for a, b in pairwise(places)]
    inner = [
        (left * right_gap + right * left_gap) / (left_gap + right_gap)
        for left, right, left_gap, right_gap in zip(slopes, slopes[1:], gaps, gaps[1:], strict=False)
    ]
    return [slopes[0], *inner, slopes[-1]]


def slide(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR before the loss blows up (fastai's slide rule), of at least 16 points.

    Two points 15 steps apart slide down from the end of the curve for as long as the losses' gradients at them differ
    by more than 0.005; the pick is the left one of the last pair that did, or of the very last pair of the curve.
    """
    slopes = gradient(losses)
    right, left = len(losses) - 1, len(losses) - 1 - _SLIDE_WIDTH
    pick = lrs[left]
    while left >= 0 and abs(slopes[right] - slopes[left]) > _SLIDE_CALM:
        pick = lrs[left]
        right, left = right - 1, left - 1
    return pick


def steep(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR at the start of the step with the most negative dL/d(ln lr) (fastai's steep rule), of at least 2 points.

    >>> steep([0.001, 0.01, 0.1, 1.0], [2.0, 1.9, 1.0, 3.0])
    0.01
    """
    slopes = [
        (after - before) / math.log(b / a)
        for before, after, a, b in zip(losses, losses[1:], lrs, lrs[1:], strict=False)
    ]
    return lrs[_lowest(slopes)]


def lowest(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR of the lowest loss, the first of several.

    >>> lowest([0.001, 0.01, 0.1, 1.0], [2.0, 1.0, 1.0, 3.0])
    0.01
    """
    return lrs[_lowest(losses)]


def steepest_by_step(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR at the most negative gradient of the loss over the index (torch-lr-finder), of at least 2 points."""
    return lrs[_lowest(gradient(losses))]


def steepest_by_lr(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR at the most negative gradient of the loss over the LR itself (Lightning), of at least 2 points."""
    return lrs[_lowest(gradient(losses, lrs))]


def steepest_before_lowest(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    """The LR of the steepest central difference before the lowest loss (Ignite); None with nothing in between.

    >>> steepest_before_lowest([0.001, 0.01, 0.1, 1.0], [2.0, 1.9, 1.0, 3.0])
    0.01
    """
    falling = losses[: _lowest(losses) + 1]
    if len(falling) < 3:
        return None
    return lrs[1 + _lowest([after - before for before, after in zip(falling, falling[2:], strict=False)])]


def _lowest(values: Sequence[float]) -> int:
    return min(range(len(values)), key=values.__getitem__)
