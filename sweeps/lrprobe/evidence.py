"""What a probe's lanes have shown so far, LR by LR; the less, the better."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from statistics import fmean

from sweeps.objective import Objective
from sweeps.records import Probed

_BLOWN_UP = 4.0
"""An objective has exploded that is worse than an untrained model's by so many times what the best LR has gained."""


class Evidence:
    """The lanes of a probe of so many epochs, by LR and seed.

    Values are turned so that smaller is better, in either direction. Where a trial's best epoch
    counts, a curve is the best so far.
    """

    def __init__(self, objective: Objective, epochs: int, untrained: float | None = None):
        self._objective, self._epochs, self._untrained = objective, epochs, untrained
        self._lanes: dict[tuple[float, int], Probed] = {}

    @property
    def lanes(self) -> tuple[Probed, ...]:
        """Every lane, by LR and seed."""
        return tuple(self._lanes[key] for key in sorted(self._lanes))

    @property
    def lrs(self) -> list[float]:
        """Every LR that was tried, ascending."""
        return sorted({lr for lr, _ in self._lanes})

    def take(self, probed: Probed) -> None:
        """Keeps what a lane has come to; a later word about the same lane replaces the earlier one."""
        self._lanes[probed.lr, probed.seed] = probed

    def exploding(self) -> list[float]:
        """LRs at which any seed exploded, ascending.

        So did one that was trained to the end, and whose objective was ever worse than that of an untrained model by
        four times what the best LR has gained: it may be finite, and by luck even good, at the end. Before the end
        nobody knows how much there is to gain, and a schedule may yet calm what is wild.
        """
        sound = [lr for lr in self.lrs if all(map(_sound, self._at(lr)))]
        whole = [lr for lr in sound if len(self.curve(lr)) >= self._epochs]
        if not whole or sound[0] != self.lrs[0]:
            return [lr for lr in self.lrs if lr not in sound]
        start = self.start()
        worst = start + _BLOWN_UP * max(0.0, start - min(map(self.last, whole)))
        return [lr for lr in self.lrs if lr not in sound or (lr in whole and max(self.curve(lr)) > worst)]

    def stable(self, lrs: Iterable[float]) -> list[float]:
        """Those below every LR at which any seed exploded, ascending."""
        ceiling = min(self.exploding(), default=math.inf)
        return sorted(lr for lr in lrs if lr < ceiling)

    def ranked(self, lrs: Iterable[float]) -> list[float]:
        """Stable LRs, best first; each is judged with its neighbours, so that a lucky seed does not win alone.

        Weights 1/4, 1/2, 1/4, the outermost LR standing in for the neighbour that it lacks.
        """
        lrs = sorted(lrs)
        last = [self.last(lr) for lr in lrs]
        padded = [*last[:1], *last, *last[-1:]]
        pooled = {lr: fmean((padded[at], last[at], last[at], padded[at + 2])) for at, lr in enumerate(lrs)}
        return sorted(lrs, key=pooled.__getitem__)

    def seeds(self, lr: float, epochs: int) -> int:
        """How many seeds of a stable LR were trained for so many epochs."""
        return sum(len(each.values) >= epochs for each in self._at(lr))

    def curve(self, lr: float) -> list[float]:
        """The mean over the seeds of a stable LR after each epoch, as far as all of them were trained, [epochs]."""
        return [fmean(values) for values in zip(*(self._turned(each.values) for each in self._at(lr)), strict=False)]

    def value(self, lr: float, epochs: int) -> float:
        """The mean over the seeds of a stable LR after so many epochs."""
        return self.curve(lr)[epochs - 1]

    def last(self, lr: float) -> float:
        """The mean over the seeds of a stable LR, as far as all of them were trained."""
        return self.curve(lr)[-1]

    def gap(self, lr: float, best: float, epochs: int) -> float:
        """How much worse an LR is after so many epochs than the best one, on the seeds that both were trained on."""
        own, others = self._ends(lr, epochs), self._ends(best, epochs)
        return fmean(own[seed] - others[seed] for seed in own.keys() & others.keys())

    def spread(self, lr: float, epochs: int) -> float:
        """How far the seeds of an LR lie apart at the end of so many epochs."""
        ends = self._ends(lr, epochs).values()
        return max(ends) - min(ends)

    def start(self) -> float:
        """What an untrained model has; where nobody said, what the lowest LR that was tried has after an epoch."""
        return self.curve(self.lrs[0])[0] if self._untrained is None else self._turned([self._untrained])[0]

    def _ends(self, lr: float, epochs: int) -> dict[int, float]:
        """The value after so many epochs, by seed."""
        return {each.seed: self._turned(each.values)[epochs - 1] for each in self._at(lr) if len(each.values) >= epochs}

    def _at(self, lr: float) -> list[Probed]:
        return [lane for (at, _), lane in self._lanes.items() if at == lr]

    def _turned(self, values: Sequence[float]) -> list[float]:
        turned = values if self._objective.direction == "minimize" else [-value for value in values]
        return list(accumulate(turned, min)) if self._objective.value == "best" else list(turned)


def _sound(probed: Probed) -> bool:
    return not probed.exploded and all(map(math.isfinite, probed.values))
