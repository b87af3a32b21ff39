"""How far a rule's answer may lie off by chance: a percentile bootstrap over seeds and over noise in their curves."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
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
    copies = _copies(tuple(map(tuple, curves))) if len(curves) < FEW_SEEDS else [[curve] for curve in curves]
    readings = [[math.log(lr) for copy in own if (lr := read(copy)) is not None] for own in copies]
    readings = [own for own in readings if own]
    if not readings:
        return None
    drawn = _drawn(tuple(map(len, readings)))
    medians = sorted(median([readings[seed][copy] for seed, copy in sample]) for sample in drawn)
    cut = int(_TAIL * _DRAWS)
    return math.exp(medians[cut]), math.exp(medians[-1 - cut])


@lru_cache(maxsize=32)
def _drawn(sizes: tuple[int, ...]) -> list[list[tuple[int, int]]]:
    """Seeds and their copies, drawn with replacement, of seeds that have so many; kept, as most rules ask alike."""
    chance, seeds = random.Random(0), range(len(sizes))
    copies = [range(size) for size in sizes]

    def one() -> tuple[int, int]:
        seed = chance.choice(seeds)
        return seed, chance.choice(copies[seed])

    return [[one() for _ in seeds] for _ in range(_DRAWS)]


@lru_cache(maxsize=8)
def _copies(curves: tuple[tuple[float, ...], ...]) -> list[list[Sequence[float]]]:
    """Each curve with its noisy copies; kept, because every rule reads the same ones."""
    chance = random.Random(0)
    return [[curve, *_noisy(curve, chance)] for curve in curves]


def _noisy(curve: Sequence[float], chance: random.Random) -> Iterator[list[float]]:
    """Copies of the curve with the signs of its residuals drawn anew, up to where it blows up."""
    end = explosion(curve) if curve else 0
    reach = max(2, end // 20)
    trends = []
    for step in range(end):
        window = curve[max(0, step - reach) : min(end, step + reach + 1)]
        trends.append(sum(window) / len(window))
    for _ in range(_COPIES):
        drawn = [trend + chance.choice((-1, 1)) * (loss - trend) for trend, loss in zip(trends, curve, strict=False)]
        yield [*drawn, *curve[end:]]
