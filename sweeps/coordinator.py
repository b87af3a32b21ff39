"""Runs a sweep from its range tests to its picks.

What a worker says is recorded first and learned from second; so a sweep can be left at any moment and rebuilt
from what was recorded.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweeps.errors import UserError, unknown
from sweeps.picks import picks
from sweeps.ports import Proposer, Recorder, Runner
from sweeps.proposer import OptunaProposer
from sweeps.rangephase import RangePhase
from sweeps.records import Ending, RangeTest, Stop, TaskInfo, TrialResult
from sweeps.search import Search
from sweeps.space import SearchSpace, search_space, starting_points
from sweeps.spec import SweepSpec

_TICK = 0.2
"""Seconds between two looks at whether somebody wants the sweep to stop."""

_ENDINGS = {None: Ending.DONE, Stop.CANCELLED: Ending.CANCELLED, Stop.INTERRUPTED: Ending.INTERRUPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an earlier run of the same sweep recorded."""

    trials: Sequence[TrialResult] = ()
    range_tests: Sequence[RangeTest] = ()


class Coordinator:
    """One sweep on one runner. `wanted` is asked several times a second whether to stop, and why."""

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        recorder: Recorder,
        *,
        checkpoints: str | None = None,
        wanted: Callable[[], Stop | None] = lambda: None,
        make_proposer: Callable[..., Proposer] = OptunaProposer,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._spec, self._runner, self._recorder = spec, runner, recorder
        self._checkpoints, self._wanted, self._make_proposer = checkpoints, wanted, make_proposer
        self._clock, self._began, self._out_of_time = clock, clock(), False

    def run(self, past: Past) -> Ending:
        """Runs the sweep, or what is left of it, to its end.

        A sweep that reaches its time limit is DONE with what it has. Raises UserError for a metric that the task
        does not have, TaskError for a task that fails on its first batch, SweepFailed when everything fails the
        same way.
        """
        info = self._runner.probe()
        check_fit(self._spec, info)
        self._recorder.probed(info)
        tests = RangePhase(self._spec, self._runner, self._recorder, past.range_tests).run(self._wanted, _TICK)
        if isinstance(tests, Stop):
            return _ENDINGS[tests]
        epochs = self._spec.budget.total_epochs(info.steps_per_epoch or 1)
        space = search_space(self._spec, tests, epochs)
        search = self._search(space, tests, epochs)
        search.resume(past.trials)
        told = search.run(self._stop, _TICK)
        self._recorder.picked(picks(search.results, space, self._spec.objective, self._spec.seeds))
        return Ending.DONE if self._out_of_time else _ENDINGS[told]

    def _search(self, space: SearchSpace, tests: Sequence[RangeTest], epochs: int) -> Search:
        starts = starting_points(self._spec, space, tests)
        proposer = self._make_proposer(self._spec, space, starts, epochs)
        return Search(self._spec, self._runner, self._recorder, proposer, epochs=epochs, checkpoints=self._checkpoints)

    def _stop(self) -> Stop | None:
        if wanted := self._wanted():
            return wanted
        timeout = self._spec.timeout
        self._out_of_time = timeout is not None and self._clock() - self._began >= timeout
        return Stop.CANCELLED if self._out_of_time else None


def check_fit(spec: SweepSpec, info: TaskInfo) -> None:
    """Checks a spec against what its task turned out to be. Raises UserError."""
    if info.metrics and spec.objective.metric not in info.metrics:
        raise UserError(f"objective.metric: {unknown('metric', spec.objective.metric, info.metrics)}")
    if info.steps_per_epoch is None and spec.budget.epochs is None:
        raise UserError("budget.steps: a training function of your own needs a budget in epochs")
