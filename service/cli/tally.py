"""What is counted of a running sweep: how fast it goes, how far trials came, which LRs do well."""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from sweeps.catalogue import optimizer_row
from sweeps.domains import Domain, Fixed, Range, values_of
from sweeps.pruning import rungs
from sweeps.records import Outcome, Proposal, RangeTest
from sweeps.spec import SweepSpec

_WINDOW = 15.0
"""Seconds over which the pace is measured."""
_ENOUGH = 3
"""Ended trials from which on it can be said how long the rest will take."""
_FEW, _BEST = 4, 2
"""Ended trials of an optimizer below which there is no best quarter, and the trials that it has at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LrSpan:
    """The LRs of one optimizer: those that are searched and, among them, those of the best quarter of its trials."""

    optimizer: str
    low: float
    high: float
    good: tuple[float, float] | None
    best: float | None


class Tally:
    """Counts what a watcher is told. `clock` says the time in seconds."""

    def __init__(self, spec: SweepSpec, clock: Callable[[], float] = monotonic):
        self._spec, self._clock = spec, clock
        self._began: float | None = None
        self._rungs = rungs(spec.pruner, spec.budget.total_epochs(1)) if spec.budget.epochs else ()
        self._bounds = {each.name: _bounds(each.lr or optimizer_row(each.name).lr) for each in spec.optimizers}
        self._values: dict[int, tuple[Proposal, float]] = {}
        self._epochs: dict[int, int] = {}
        self._last_step: dict[int, int] = {}
        self._steps: deque[tuple[float, int]] = deque()
        self._pruned_at: Counter[int] = Counter()
        self._before = 0
        self.outcomes: Counter[Outcome] = Counter()

    def steps_per_epoch(self, steps: int) -> None:
        """Says how long an epoch is, on which the rungs of a budget in steps depend."""
        self._rungs = rungs(self._spec.pruner, self._spec.budget.total_epochs(steps))

    def already(self, seconds: float) -> None:
        """The sweep has been running for so long when it is first looked at."""
        self._began = self._clock() - seconds

    def from_here(self) -> None:
        """The pace is that of what comes from now on: what ended so far was in an earlier run."""
        self._before = self.outcomes.total()

    def range_tested(self, test: RangeTest) -> None:
        """Takes the bounds of an optimizer's search from its range test, unless the spec gives them."""
        if any(each.name == test.optimizer and each.lr is None for each in self._spec.optimizers):
            self._bounds[test.optimizer] = (test.low, test.high)

    def started(self, proposal: Proposal) -> None:
        """A trial begins; the first one starts the clock."""
        if self._began is None:
            self._began = self._clock()

    def stepped(self, number: int, epoch: int, step: int) -> None:
        """A trial has come this far. Of one that is seen for the first time, only its last epoch is news."""
        now, before = self._clock(), self._last_step.get(number, step - step // epoch)
        self._steps.append((now, max(0, step - before)))
        self._last_step[number], self._epochs[number] = step, epoch
        while self._steps and now - self._steps[0][0] > _WINDOW:
            self._steps.popleft()

    def came_to(self, number: int, epoch: int) -> None:
        """A trial came this far in an earlier run."""
        self._epochs[number] = epoch

    def ended(self, proposal: Proposal, outcome: Outcome, value: float | None) -> None:
        """A trial is over."""
        self.outcomes[outcome] += 1
        if outcome is Outcome.PRUNED:
            self._pruned_at[self._epochs.get(proposal.number, 0)] += 1
        if value is not None and math.isfinite(value) and outcome in (Outcome.COMPLETE, Outcome.PRUNED):
            self._values[proposal.number] = (proposal, value)

    @property
    def steps_per_second(self) -> float | None:
        """Lane-steps in a second, of late: optimizer steps, summed over all lanes. None if too little was seen."""
        if len(self._steps) < 2:
            return None
        seconds = self._clock() - self._steps[0][0]
        return sum(steps for _, steps in list(self._steps)[1:]) / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes if it goes on as it went; None if nobody can say yet."""
        ended = self.outcomes.total() - self._before
        if self._began is None or ended < _ENOUGH:
            return None
        left = self._spec.total_trials - self.outcomes.total()
        return (self._clock() - self._began) / ended * left

    @property
    def rungs(self) -> Mapping[int, tuple[int, int]]:
        """How many trials came to each rung, by its epoch, and how many of them ended there."""
        reached = {rung: sum(epoch >= rung for epoch in self._epochs.values()) for rung in self._rungs}
        return {rung: (count, self._pruned_at[rung]) for rung, count in reached.items() if count}

    @property
    def spans(self) -> Iterator[LrSpan]:
        """The LRs of every optimizer, searched and good."""
        sign = 1 if self._spec.objective.direction == "minimize" else -1
        for optimizer, (low, high) in self._bounds.items():
            mine = [
                (sign * value, each.initial_lr) for each, value in self._values.values() if each.optimizer == optimizer
            ]
            lrs = [lr for _, lr in sorted(mine)[: max(_BEST, len(mine) // 4)]]
            good = (min(lrs), max(lrs)) if len(mine) >= _FEW else None
            # A starting point of the user's own may lie outside of what is searched.
            edges = (low, high, *(lr for _, lr in mine))
            yield LrSpan(
                optimizer=optimizer, low=min(edges), high=max(edges), good=good, best=min(mine)[1] if mine else None
            )


def _bounds(domain: Domain) -> tuple[float, float]:
    match domain:
        case Range(low=low, high=high):
            return low, high
        case Fixed(value=value):
            return float(value), float(value)  # type: ignore[arg-type]
    lrs = [float(value) for value in values_of(domain)]  # type: ignore[arg-type]
    return min(lrs), max(lrs)
