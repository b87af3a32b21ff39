"""The pictures beside a sweep's note, each drawn once for what it shows, however often they are asked for."""

from collections.abc import Callable, Sequence
from typing import Any

from service import plots
from service.records import TrialRecord
from sweeps.objective import Objective
from sweeps.records import Pick, RangeTest, TrialResult


class Pictures:
    """A sweep's pictures as PNG bytes, None where there is nothing to draw."""

    def __init__(self, objective: Objective):
        self._objective = objective
        self._drawn: dict[str, tuple[Any, bytes | None]] = {}

    def range_tests(self, tests: Sequence[RangeTest]) -> bytes | None:
        """The range tests' curves."""
        return self._once("range tests", [test.optimizer for test in tests], lambda: plots.range_tests(tests))

    def sensitivity(self, trials: Sequence[TrialRecord], picks: Sequence[Pick]) -> bytes | None:
        """The objective over the initial LR."""
        shown = _shown(trials, picks)
        return self._once("sensitivity", shown, lambda: plots.sensitivity(trials, picks, self._objective))

    def best_curves(
        self, trials: Sequence[TrialRecord], picks: Sequence[Pick], history: Callable[[], Sequence[TrialResult]]
    ) -> bytes | None:
        """The curves of the picks' trials; `history` is asked for them if they are to be drawn."""

        def draw() -> bytes | None:
            series = {result.proposal.number: list(enumerate(result.objectives, start=1)) for result in history()}
            return plots.best_curves(trials, picks, series, self._objective)

        return self._once("best curves", _shown(trials, picks), draw)

    def _once(self, name: str, shown: Any, draw: Callable[[], bytes | None]) -> bytes | None:
        if name not in self._drawn or self._drawn[name][0] != shown:
            self._drawn[name] = shown, draw()
        return self._drawn[name][1]


def _shown(trials: Sequence[TrialRecord], picks: Sequence[Pick]) -> list[Any]:
    """What pictures of trials and picks show of them: not how near to the edge of stability a pick is."""
    return [
        *((trial.proposal, trial.outcome, trial.value, trial.epochs) for trial in trials),
        *((pick.optimizer, pick.scheduler, pick.initial_lr, pick.value, pick.trials) for pick in picks),
    ]
