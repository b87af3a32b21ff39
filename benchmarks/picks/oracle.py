"""What the best LR would have been: a dense grid of LRs, each trained over the whole budget."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from benchmarks.picks.training import Finals, job

GRID = tuple(10 ** (-6 + 7 * step / 35) for step in range(36))
SEEDS, FLOOR_SEEDS = (0, 1, 2), (3, 4, 5)
_BAND = 0.02
"""The oracle's band: the LRs next to the best one whose normalized regret is at most this, without a gap."""


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """The grid of one task, optimizer and schedule: what each LR comes to, the mean over the oracle's seeds, [LRs]."""

    means: Sequence[float]
    untrained: float

    def regret(self, mean: float) -> float:
        """(objective - best of the grid) / (untrained - best of the grid), clipped to [0, 1]; 1 if it exploded."""
        best = min(self.means)
        share = (mean - best) / (self.untrained - best)
        return min(1.0, max(0.0, share)) if math.isfinite(share) else 1.0

    @cached_property
    def best(self) -> float:
        """The best LR of the grid."""
        return GRID[self._at]

    @cached_property
    def band(self) -> tuple[float, float]:
        """The lowest and the highest LR of the band."""
        inside = [self.regret(mean) <= _BAND for mean in self.means]
        low = high = self._at
        while low > 0 and inside[low - 1]:
            low -= 1
        while high < len(GRID) - 1 and inside[high + 1]:
            high += 1
        return GRID[low], GRID[high]

    @property
    def _at(self) -> int:
        return self.means.index(min(self.means))


def outcomes(
    finals: Finals, optimizer: str, schedule: str, epochs: int, lrs: Sequence[float], seeds: Sequence[int] = SEEDS
) -> list[float]:
    """What LRs come to, the mean over seeds, [LRs]."""
    values = finals.of([job(optimizer, schedule, lr, seed, epochs) for lr in lrs for seed in seeds])
    return [fmean(values[start : start + len(seeds)]) for start in range(0, len(values), len(seeds))]
