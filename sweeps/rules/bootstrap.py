"""How far a rule's answer may lie off by chance: a percentile bootstrap over seeds and over noise in their curves."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import median

from sweeps.rules.shape import explosion

FEW_SEEDS = 5
"""Below so many seeds, resampling them shows too little: then the noise of each curve is drawn anew as well."""
_COPIES, _DRAWS, _TAIL = 40, 400, 0.05
"""Noisy copies of each curve; medians drawn; the share that lies beyond each end of an interval."""

Interval = tuple[float, float]
Curves = Sequence[Sequence[float]]


def interval(read: Callable[[Sequence[float]], float | None], curves: Curves) -> Interval | None:
    """The 90 % interval of the log-scale median over the seeds of what `read` gives; None where it gives none.

    Seeds are drawn with replacement. Of fewer than five, each drawn curve is also one of 40 copies whose residuals
    from a running mean have signs drawn anew (the wild bootstrap of Wu, 1986, which keeps each step's own size of
    noise). The same curves give the same interval.
    """
    chance = random.Random(0)
    copies = [
        [curve, *(_noisy(curve, chance) for _ in range(_COPIES))] if len(curves) < FEW_SEEDS else [curve]
        for curve in curves
    ]
    readings = [[lr for copy in own if (lr := read(copy)) is not None] for own in copies]
    readings = [own for own in readings if own]
    if not readings:
        return None
    logs = sorted(median(math.log(chance.choice(chance.choice(readings))) for _ in readings) for _ in range(_DRAWS))
    cut = int(_TAIL * _DRAWS)
    return math.exp(logs[cut]), math.exp(logs[-1 - cut])


def _noisy(curve: Sequence[float], chance: random.Random) -> list[float]:
    """The curve with the signs of its residuals drawn anew, up to where it blows up."""
    if not curve:
        return []
    end = explosion(curve)
    reach = max(2, end // 20)
    noisy = []
    for step, loss in enumerate(curve[:end]):
        window = curve[max(0, step - reach) : min(end, step + reach + 1)]
        trend = sum(window) / len(window)
        noisy.append(trend + chance.choice((-1, 1)) * (loss - trend))
    return [*noisy, *curve[end:]]
