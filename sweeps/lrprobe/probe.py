"""Which lanes a probe trains, round by round: successive halving over a grid of LRs, then other seeds for the best."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sweeps.lrprobe.evidence import Evidence
from sweeps.lrprobe.promise import promising
from sweeps.lrprobe.verdict import Verdict, conclude
from sweeps.objective import Objective
from sweeps.records import Probed

FINE, COARSE = 10**0.4, 10**0.6
"""The factor from one LR of the grid to the next, where the budget affords the finer one and where it does not."""
_FINE_NEEDS, _FINE_AT_ONCE = 6, 12
"""Full trainings that a probe over the finer grid takes at least, and one with all seeds at once."""
_RUNGS = (1 / 2,)
"""Where lanes are judged, in shares of the budget. Judging earlier loses the best one (docs/decisions/0007)."""
_FINALISTS = 3
"""LRs that are trained on every seed, if that can be afforded."""
_EXTENSIONS = 6
"""How often the grid grows beyond its span, by two LRs each time, while the best one lies at its end."""
_DISAPPOINTING = 0.05
"""Share of the improvement by which finalists must fall behind, for the next ones to be trained on every seed, too."""
_RETREATS = 2
"""Lower LRs that are tried where every finalist explodes on some seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A lane and the epoch up to which it shall be trained, counted from its start: it goes on where it stands."""

    lr: float
    seed: int
    epochs: int


class LrProbe:
    """Says which lanes to train and, in the end, which initial LR is best. A pure function of what it is told.

    `low`..`high` is the span of LRs to look at, from where learning begins to where it explodes; `epochs` the budget.
    Lanes run the real schedule over the real budget, and are judged at `rungs`. `afford` is what the probe may spend,
    in epochs of one lane; it is kept to where that leaves anything to conclude: one LR is trained to the end in any
    case. `at_once` trains every LR on all seeds from the start: twice the lanes in half the time, where lanes that are
    stacked cost next to nothing. Raises ValueError for a span, seeds or a budget that are none.
    """

    def __init__(
        self,
        *,
        low: float,
        high: float,
        seeds: Sequence[int],
        epochs: int,
        objective: Objective,
        afford: float = math.inf,
        at_once: bool = False,
    ):
        if not 0 < low < high < math.inf:
            raise ValueError(f"a probe's span must have 0 < low < high, got {low:g} .. {high:g}; give finite LRs")
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"a probe needs seeds that differ, got {list(seeds)}; give three, say")
        if epochs < 1:
            raise ValueError(f"a probe's budget must be at least one epoch, got {epochs}")
        self._low, self._high, self._seeds, self._epochs = low, high, tuple(seeds), epochs
        self._afford = afford
        self._first, self._others = (self._seeds, ()) if at_once else (self._seeds[:1], self._seeds[1:])
        self._step = FINE if afford >= (_FINE_AT_ONCE if at_once else _FINE_NEEDS) * epochs else COARSE
        self._evidence = Evidence(objective, epochs)
        self._trained: dict[tuple[float, int], int] = {}
        self._pending: dict[tuple[float, int], int] = {}
        self._rounds = self._plan()
        self._over = False

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which rounds end, all but the last.

        >>> LrProbe(low=1e-3, high=1, seeds=[0], epochs=20, objective=Objective()).rungs
        (10,)
        """
        marks = {max(1, round(share * self._epochs)) for share in _RUNGS}
        return tuple(sorted(mark for mark in marks if mark < self._epochs))

    @property
    def spent(self) -> int:
        """Epochs of one lane that were trained so far."""
        return sum(self._trained.values())

    def ask(self) -> list[Stretch]:
        """The next round, once all of the last one was told (before that: none, and none when the probe is over).

        Lanes of earlier rounds that are not among it are over. One that is, but has trained so far already, waits for
        the others: it is told at once, as it stands.
        """
        if self._pending or self._over:
            return []
        stretches = next(self._rounds, [])
        self._pending = {(each.lr, each.seed): each.epochs for each in stretches}
        self._over = not stretches
        return stretches

    def tell(self, probed: Probed) -> None:
        """Takes what a lane of this round came to: its values after every epoch from its start, or more of them.

        Raises ValueError for a lane that was not asked for, or that stopped early without having exploded.
        """
        lane, done = (probed.lr, probed.seed), len(probed.values)
        if lane not in self._pending:
            raise ValueError(f"no lane at LR {probed.lr:g} with seed {probed.seed} was asked for in this round")
        if done < self._pending[lane] and not probed.exploded:
            raise ValueError(
                f"the lane at LR {probed.lr:g} with seed {probed.seed} has {done} of {self._pending[lane]} epochs and "
                "has not exploded: train it further, without early stopping"
            )
        del self._pending[lane]
        self._trained[lane] = done
        self._evidence.take(probed)

    def verdict(self) -> Verdict:
        """What was found, from all that was told so far. Raises ValueError before the first round was told."""
        return conclude(self._evidence, epochs=self._epochs, seeds=len(self._seeds), step=self._step)

    def _plan(self) -> Iterator[list[Stretch]]:
        alive = _grid(self._low, self._high, self._step)
        for mark, after in pairwise((*self.rungs, self._epochs)):
            alive = yield from self._survey(alive, mark)
            alive = promising(self._evidence, alive, at=mark, epochs=self._epochs)
            alive = self._affordable(alive, after=after, at=mark)
        yield self._stretches(alive, self._first, self._epochs)
        yield from self._verify(self._evidence.stable(alive))

    def _survey(self, lrs: Sequence[float], until: int) -> Generator[list[Stretch], None, list[float]]:
        """LRs up to a rung, and more of them at an end where the best one lies; gives the stable ones."""
        yield self._stretches(lrs, self._first, until)
        lrs = self._evidence.stable(lrs)
        for _ in range(_EXTENSIONS):
            beyond = self._beyond(lrs, until)
            if not beyond or self._left() < 2 * self._epochs:
                break
            yield self._stretches((*lrs, *beyond), self._first, until)
            lrs = self._evidence.stable((*lrs, *beyond))
        return lrs

    def _beyond(self, stable: Sequence[float], at: int) -> list[float]:
        """Two more LRs at the end of the grid where the best one lies."""
        lrs = self._evidence.lrs
        best = min(stable, key=lambda lr: self._evidence.value(lr, at), default=None)
        if best is None or best == lrs[0]:
            return [lrs[0] / self._step**2, lrs[0] / self._step]
        return [best * self._step, best * self._step**2] if best == lrs[-1] else []

    def _affordable(self, alive: Sequence[float], *, after: int, at: int) -> list[float]:
        """The best of them, as many as leave enough to train one of them on another seed."""
        left = self._left() - (self._epochs if self._others else 0)
        many = max(1, int(left // ((after - at) * len(self._first))) if math.isfinite(left) else len(alive))
        return sorted(sorted(alive, key=lambda lr: self._evidence.value(lr, at))[:many])

    def _verify(self, alive: Sequence[float]) -> Iterator[list[Stretch]]:
        """The best LRs on the other seeds; the next ones, should those disappoint; lower ones, if all explode."""
        ranked, retreats = self._evidence.ranked(alive), 0
        while True:
            if not ranked:
                if retreats == _RETREATS or self._left() < self._epochs * len(self._seeds):
                    return
                # Between the LRs of the grid, where no lane has been.
                ranked = [min(self._evidence.exploding()) / self._step ** (0.5 if retreats == 0 else 1)]
                retreats += 1
                yield self._stretches(ranked, self._first, self._epochs)
            finalists, seeds = self._finalists(ranked)
            if seeds:
                yield self._stretches(finalists, seeds, self._epochs)
            ranked = self._evidence.stable(ranked[len(finalists) :])
            verified = self._evidence.stable(finalists)
            if verified and not (seeds and self._disappoint(verified, ranked)):
                return

    def _disappoint(self, verified: Sequence[float], others: Sequence[float]) -> bool:
        """True if all seeds show the finalists to be worse than LRs that have fewer."""
        best, other = (min(map(self._evidence.last, lrs), default=math.inf) for lrs in (verified, others))
        return best > other + _DISAPPOINTING * (self._evidence.start() - other)

    def _finalists(self, ranked: Sequence[float]) -> tuple[Sequence[float], Sequence[int]]:
        """As many LRs and other seeds as can be afforded; rather fewer LRs than fewer seeds."""
        trainings = self._left() / self._epochs
        many = min(_FINALISTS, len(ranked), trainings / max(1, len(self._others)))
        if many >= 1:
            return ranked[: int(many)], self._others
        return ranked[:1], self._others[: max(0, int(trainings))]

    def _stretches(self, lrs: Iterable[float], seeds: Iterable[int], epochs: int) -> list[Stretch]:
        seeds = list(seeds)
        return [Stretch(lr=lr, seed=seed, epochs=epochs) for lr in lrs for seed in seeds]

    def _left(self) -> float:
        return self._afford - self.spent


def _grid(low: float, high: float, step: float) -> list[float]:
    """LRs from `high` down to the last that is not below `low`, ascending.

    >>> _grid(0.01, 1.0, 10.0)
    [0.01, 0.1, 1.0]
    """
    count = int(math.log(high / low) / math.log(step) + 1e-9)
    return [high / step**power for power in range(count, -1, -1)]
