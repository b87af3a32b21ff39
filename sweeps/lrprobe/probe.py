"""Which lanes a probe trains, round by round: a grid of LRs to half of the budget, then the best on every seed."""

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sweeps.lrprobe.evidence import Evidence
from sweeps.lrprobe.promise import promising
from sweeps.lrprobe.verdict import Verdict, conclude
from sweeps.objective import Objective
from sweeps.records import Probed

FINE, COARSE = 10**0.4, 10**0.6
"""The factor from one LR of the grid to the next, where the budget affords the finer one and where it does not."""
_FINE_NEEDS, _FINE_AT_ONCE = 6, 12
"""Full trainings that a probe over the finer grid takes at least, and one with all seeds at once."""
_RUNG = 1 / 2
"""Where lanes are judged, as a share of the budget. Judging earlier loses the best one (docs/decisions/0007)."""
_FINALISTS = 3
"""LRs that are trained on every seed, if that can be afforded."""
_EXTENSIONS = 6
"""How often the grid grows beyond its span, by two LRs each time, while the best one lies at its end."""
_KEPT_FREE = 2
"""LRs that can still be trained to the end on every seed when the grid has grown."""
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

    `low`..`high` is the span of LRs to look at, from where learning begins to where it explodes; `epochs` the budget;
    `untrained` the objective of a model that has learned nothing, which says how much there is to gain.
    Lanes run the real schedule over the real budget, and are judged at `rung`. `afford` is what their epochs may come
    to, where an epoch of a round that was not planned costs `shared` more; it is kept to where that leaves anything to
    conclude: one LR is trained to the end in any case. `at_once` trains every LR on all seeds from the start: more
    lanes in two thirds of the time, where lanes that are stacked cost next to nothing. Raises ValueError for a span,
    seeds or a budget that are none.
    """

    def __init__(
        self,
        *,
        low: float,
        high: float,
        seeds: Sequence[int],
        epochs: int,
        objective: Objective,
        untrained: float | None = None,
        afford: float = math.inf,
        shared: float = 0.0,
        at_once: bool = False,
    ):
        if not 0 < low < high < math.inf:
            raise ValueError(f"a probe's span must have 0 < low < high, got {low:g} .. {high:g}; give finite LRs")
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"a probe needs seeds that differ, got {list(seeds)}; give three, say")
        if epochs < 1:
            raise ValueError(f"a probe's budget must be at least one epoch, got {epochs}")
        self._low, self._high, self._seeds, self._epochs = low, high, tuple(seeds), epochs
        self._afford, self._shared, self._unplanned = afford, shared, 0
        self._first, self._others = (self._seeds, ()) if at_once else (self._seeds[:1], self._seeds[1:])
        self._step = FINE if afford >= (_FINE_AT_ONCE if at_once else _FINE_NEEDS) * epochs else COARSE
        self._evidence = Evidence(objective, epochs, untrained)
        self._trained: dict[tuple[float, int], int] = {}
        self._pending: dict[tuple[float, int], int] = {}
        self._rounds = self._plan()
        self._over = False

    @property
    def rung(self) -> int:
        """The epoch at which lanes are judged.

        >>> LrProbe(low=1e-3, high=1, seeds=[0], epochs=20, objective=Objective()).rung
        10
        """
        return max(1, round(_RUNG * self._epochs))

    @property
    def spent(self) -> float:
        """Epochs of lanes that were trained so far, with what rounds cost that were not planned."""
        return sum(self._trained.values()) + self._shared * self._unplanned

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
        alive = yield from self._survey()
        alive = promising(self._evidence, alive, at=self.rung, epochs=self._epochs)
        alive = self._affordable(self._best_first(alive))
        spare = self._left() - self._to_the_end(len(alive))
        finalists, seeds = self._finalists(alive, spare)
        # All at once: other seeds that wait for the first ones to come to the end would make half a pass more.
        yield [*self._stretches(alive, self._first), *self._stretches(finalists, seeds)]
        yield from self._reconsider(alive)

    def _survey(self) -> Generator[list[Stretch], None, list[float]]:
        """The grid up to the rung, and more of it at an end where the best LR lies; gives the stable ones."""
        yield self._stretches(_grid(self._low, self._high, self._step), self._first, self.rung)
        lrs = self._evidence.stable(self._evidence.lrs)
        for _ in range(_EXTENSIONS):
            beyond = self._beyond(lrs)
            needed = (len(beyond) * len(self._first) + self._shared) * self.rung
            if lrs:
                needed += self._to_the_end(_KEPT_FREE) + _KEPT_FREE * len(self._others) * self._epochs
            if not beyond or self._left() < needed:
                break
            self._unplanned += self.rung
            yield self._stretches((*lrs, *beyond), self._first, self.rung)
            lrs = self._evidence.stable((*lrs, *beyond))
        return lrs

    def _beyond(self, stable: Sequence[float]) -> list[float]:
        """Two more LRs at the end of the grid where the best one lies."""
        lrs = self._evidence.lrs
        best = next(iter(self._best_first(stable)), None)
        if best is None or best == lrs[0]:
            return [lrs[0] / self._step**2, lrs[0] / self._step]
        return [best * self._step, best * self._step**2] if best == lrs[-1] else []

    def _best_first(self, lrs: Iterable[float]) -> list[float]:
        return sorted(lrs, key=lambda lr: self._evidence.value(lr, self.rung))

    def _affordable(self, ranked: list[float]) -> list[float]:
        """As many of them as leave enough to train one on the other seeds."""
        left = self._left() - len(self._others) * self._epochs
        many = sum(self._to_the_end(count) <= left for count in range(1, len(ranked) + 1))
        return ranked[: max(1, many)]

    def _to_the_end(self, lrs: int) -> int:
        """Epochs that so many LRs take from the rung to the end, on the seeds that they began with."""
        return lrs * len(self._first) * (self._epochs - self.rung)

    def _reconsider(self, alive: Sequence[float]) -> Iterator[list[Stretch]]:
        """Further LRs on every seed, should those that were trained so disappoint; lower ones, if all explode."""
        alive, retreats = list(alive), 0
        while True:
            stable = self._evidence.stable(alive)
            verified = [lr for lr in stable if self._evidence.seeds(lr, self._epochs) == len(self._seeds)]
            others = self._evidence.ranked(lr for lr in stable if lr not in verified)
            if verified and not self._disappoint(verified, others):
                return
            spare = self._left() - self._shared * self._epochs
            if others:
                further = self._stretches(*self._finalists(others, spare))
            elif retreats == _RETREATS or spare < self._epochs * len(self._seeds):
                return
            else:
                # Between the LRs of the grid, where no lane has been.
                alive = [min(self._evidence.exploding()) / self._step ** (0.5 if retreats == 0 else 1)]
                retreats += 1
                further = self._stretches(alive, self._seeds)
            if all((each.lr, each.seed) in self._trained for each in further):
                return
            self._unplanned += self._epochs
            yield further

    def _disappoint(self, verified: Sequence[float], others: Sequence[float]) -> bool:
        """True if all seeds show LRs to be worse than others that have fewer."""
        if not others:
            return False
        best, other = (min(map(self._evidence.last, lrs)) for lrs in (verified, others))
        return best > other + _DISAPPOINTING * (self._evidence.start() - other)

    def _finalists(self, ranked: Sequence[float], spare: float) -> tuple[Sequence[float], Sequence[int]]:
        """As many LRs and other seeds as can be afforded; rather fewer LRs than fewer seeds."""
        trainings = spare / self._epochs
        many = min(_FINALISTS, len(ranked), trainings / max(1, len(self._others)))
        if many >= 1 or not ranked:
            return ranked[: int(many)], self._others
        return ranked[:1], self._others[: max(0, int(trainings))]

    def _stretches(self, lrs: Iterable[float], seeds: Iterable[int], epochs: int | None = None) -> list[Stretch]:
        seeds = list(seeds)
        return [Stretch(lr=lr, seed=seed, epochs=epochs or self._epochs) for lr in lrs for seed in seeds]

    def _left(self) -> float:
        return self._afford - self.spent


def _grid(low: float, high: float, step: float) -> list[float]:
    """LRs from `high` down to the last that is not below `low`, ascending.

    >>> _grid(0.01, 1.0, 10.0)
    [0.01, 0.1, 1.0]
    """
    count = int(math.log(high / low) / math.log(step) + 1e-9)
    return [high / step**power for power in range(count, -1, -1)]
