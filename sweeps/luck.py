"""How lucky a winner may be: whoever takes the best of many noisy values takes some of the noise with it.

Source: the noise of single seeds from pseudo-residuals over neighbouring points (Gasser, Sroka and Jennen-Steinmetz,
"Residual variance and residual pattern in nonlinear regression", Biometrika 73, 1986); true values by James and Stein's
shrinkage; then a parametric bootstrap.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance

from sweeps.pickevidence import Luck

_DRAWS = 1000
_HUGE = 1e100
"""A value beyond it cannot be squared, and is nobody's rival."""
_REACH = 4.0
"""Rivals lie within so many standard deviations of the difference between two means; others win next to never."""
_LEAST_POINTS = 6
"""Configurations that noise is read from at least."""
_ALIKE = 1.5
"""Logarithms are taken where they make noise so many times more alike."""
_NIL = 1e-9
"""Noise of this share of the largest value is none: numbers are no more exact."""
_MEDIAN_OF_NORMAL = 0.6745
"""The median distance of a standard normal variable from its mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration that might have won: its values by seed, and whether it shares the winner's hyperparameters."""

    initial_lr: float
    values: Mapping[int, float]
    alike: bool = True

    @property
    def mean(self) -> float:
        """What it is ranked by."""
        return fmean(self.values.values())


def luck(ranked: Sequence[Candidate], *, sign: int = 1) -> Luck | None:
    """How lucky the first of `ranked` is, best first; None where nothing says how large the noise is.

    `sign` is 1 for an objective that is minimized and -1 for one that is maximized. The same candidates give the same
    answer.
    """
    ranked = [each for each in ranked if all(abs(value) < _HUGE for value in each.values.values())]
    if len(ranked) < 2:
        return None
    of_seeds = _noise_of_seeds(ranked)
    noise = _noise_of_neighbours(ranked) if of_seeds is None else of_seeds
    if noise is None:
        return None
    errors = [noise.at(each.mean) / math.sqrt(len(each.values)) for each in ranked]
    wins, optimism, rivals = _again([(sign * each.mean, error) for each, error in zip(ranked, errors, strict=True)])
    return Luck(
        noise=noise.at(ranked[0].mean),
        source="neighbouring LRs" if of_seeds is None else "seeds",
        wins=wins,
        optimism=optimism,
        rivals=rivals,
    )


@dataclass(frozen=True, slots=True)
class _Noise:
    """The standard deviation of one seed's value, or its share of the value."""

    size: float
    relative: bool = False

    def at(self, mean: float) -> float:
        """The standard deviation of a seed where values are about `mean`."""
        return self.size * abs(mean) if self.relative else self.size


def _noise_of_seeds(ranked: Sequence[Candidate]) -> _Noise | None:
    """What is left of the values once each configuration's and each seed's own mean are taken off.

    A seed that is kinder than another is kind to all, and decides nothing between them. The better half says it: an LR
    near the edge of stability is noisier than those that matter. Losses of different size have noise of different size,
    so logarithms are taken where what is left of them is more of one size.
    """
    best = ranked[: max(_LEAST_POINTS, (len(ranked) + 1) // 2)]
    seeds = set.intersection(*(set(each.values) for each in best))
    if len(seeds) < 2:
        return None
    table = [[each.values[seed] for seed in sorted(seeds)] for each in best]
    if all(value > 0 for row in table for value in row):
        logs = [[math.log(value) for value in row] for row in table]
        if _ALIKE * _unlike(logs) < _unlike(table):
            return _Noise(_deviation(_left(logs)), relative=True)
    return _Noise(_deviation(_left(table)))


def _left(table: Sequence[Sequence[float]]) -> list[list[float]]:
    """A table without the means of its rows and columns, [rows][columns]."""
    whole, of_columns = fmean(map(fmean, table)), [fmean(column) for column in zip(*table, strict=True)]
    return [
        [value - fmean(row) - of_column + whole for value, of_column in zip(row, of_columns, strict=True)]
        for row in table
    ]


def _unlike(table: Sequence[Sequence[float]]) -> float:
    """How far from being of one size the noise in a table is: its root mean square in median ones; 1 where it is nil.

    Without the mean of each row and the median of each column: means of columns would spread one row's noise to all.
    """
    rows = [[value - fmean(row) for value in row] for row in table]
    of_columns = [median(column) for column in zip(*rows, strict=True)]
    sizes = [abs(value - each) for row in rows for value, each in zip(row, of_columns, strict=True)]
    middle, mean = median(sizes), math.sqrt(fmean(size**2 for size in sizes))
    return mean / middle if middle > _NIL * max(abs(value) for row in table for value in row) else 1.0


def _deviation(left: Sequence[Sequence[float]]) -> float:
    """The standard deviation of what is left of a table, from the degrees of freedom that are left."""
    freedom = (len(left) - 1) * (len(left[0]) - 1)
    return math.sqrt(sum(each**2 for row in left for each in row) / freedom)


def _noise_of_neighbours(ranked: Sequence[Candidate]) -> _Noise | None:
    """How far values lie off the line between the LR below and the LR above, on a logarithmic scale: the median says.

    Of the winner's hyperparameters alone, and of the half of their LRs that lies next to the winner's. A half that was
    chosen by value would look calmer than it is.
    """
    lr = ranked[0].initial_lr
    means = {each.initial_lr: each.mean for each in ranked if each.alike}
    near = sorted(means, key=lambda other: abs(math.log(other / lr)))[: max(_LEAST_POINTS, (len(means) + 1) // 2)]
    if len(near) < _LEAST_POINTS:
        return None
    near.sort()
    off = []
    for left, middle, right in zip(near, near[1:], near[2:], strict=False):
        share = math.log(middle / left) / math.log(right / left)
        residual = means[middle] - (1 - share) * means[left] - share * means[right]
        off.append(abs(residual) / math.sqrt(1 + share**2 + (1 - share) ** 2))
    return _Noise(median(off) / _MEDIAN_OF_NORMAL)


def _again(means: Sequence[tuple[float, float]]) -> tuple[float, float, int]:
    """How often the first of (mean, standard error) wins again, how optimistic a winner's mean is, among how many."""
    first, error = means[0]
    rivals = [(mean, own) for mean, own in means if mean - first <= _REACH * math.hypot(own, error)]
    likely = _likely(rivals)
    draw, wins, optimism = random.Random(0), 0, 0.0
    for _ in range(_DRAWS):
        true = [draw.gauss(mean, doubt) for mean, doubt in likely]
        drawn = [draw.gauss(mean, own) for mean, (_, own) in zip(true, rivals, strict=True)]
        winner = min(range(len(drawn)), key=drawn.__getitem__)
        wins += winner == 0
        optimism += true[winner] - drawn[winner]
    return wins / _DRAWS, max(0.0, optimism / _DRAWS), len(rivals) - 1


def _likely(rivals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where the rivals' true values may lie, as (mean, standard deviation): noise alone has spread them further."""
    means = [mean for mean, _ in rivals]
    if len(rivals) < 2:
        return [(mean, 0.0) for mean in means]
    centre = fmean(means)
    between = max(0.0, variance(means) - fmean(error**2 for _, error in rivals))
    shares = [between / (between + error**2) if between else 0.0 for _, error in rivals]
    return [
        (centre + (mean - centre) * share, math.sqrt(share) * error)
        for (mean, error), share in zip(rivals, shares, strict=True)
    ]
