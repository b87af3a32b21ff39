"""Runs a sweep from its range tests to its picks.

What a worker says is recorded first and learned from second; so a sweep can be left at any moment and rebuilt
from what was recorded.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sweeps.finding import warning
from sweeps.jobs import candidate_jobs
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.lanes import lane_plan, lanes_asked, rehearsal
from sweeps.lint import Finding, lint, news
from sweeps.pairs import without
from sweeps.picks import picks
from sweeps.ports import Proposer, Recorder, Runner
from sweeps.preflight import Preflight, preflight
from sweeps.probephase import ProbePhase
from sweeps.proposer import OptunaProposer
from sweeps.rangephase import RangePhase
from sweeps.records import Ending, Pick, RangeTest, Stop, TrialResult
from sweeps.retrying import Retrying
from sweeps.search import Search
from sweeps.space import SearchSpace, search_space
from sweeps.spec import SweepSpec
from sweeps.stability import StabilityPhase
from sweeps.startingpoints import starting_points

_TICK = 0.2
"""Seconds between two looks at whether somebody wants the sweep to stop."""

_ENDINGS = {None: Ending.DONE, Stop.CANCELLED: Ending.CANCELLED, Stop.INTERRUPTED: Ending.INTERRUPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an earlier run of the same sweep recorded."""

    trials: Sequence[TrialResult] = ()
    range_tests: Sequence[RangeTest] = ()
    plan: LanePlan | None = None
    measured: LaneProbe | None = None
    """What the plan follows from."""
    steps_per_epoch: int | None = None
    suspects: frozenset[int] = frozenset()
    """The trials during which the process that trained them died."""


class Coordinator:
    """One sweep on one runner.

    `wanted` is asked several times a second whether to stop, and why; `warn` is told what the linter finds once task
    and range tests are known.
    """

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        recorder: Recorder,
        *,
        checkpoints: str | None = None,
        wanted: Callable[[], Stop | None] = lambda: None,
        warn: Callable[[Finding], None] = lambda finding: None,
        make_proposer: Callable[..., Proposer] = OptunaProposer,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._spec, self._runner, self._recorder = spec, Retrying(runner), recorder
        self._checkpoints, self._wanted, self._make_proposer = checkpoints, wanted, make_proposer
        self._warn = warn
        self._clock, self._began, self._out_of_time = clock, clock(), False

    def run(self, past: Past) -> Ending:
        """Runs the sweep, or what is left of it, to its end.

        A sweep that reaches its time limit is DONE with what it has, one without trials after its range tests. Pairs
        that cannot work are left out. Raises UserError for a spec that does not fit its task, TaskError for a task
        that fails on its first batch or that no pair can train, SweepFailed when everything fails the same way.
        """
        flight = preflight(self._spec, self._runner, self._warn)
        if past.steps_per_epoch not in (None, flight.info.steps_per_epoch):
            self._warn(_other_data(past.steps_per_epoch, flight.info.steps_per_epoch))
        self._recorder.probed(flight.info)
        spec = without(self._spec, flight.left_out)
        plan, measured = (past.plan, past.measured) if past.plan else self._plan(spec, flight)
        self._runner.open(plan)
        epochs = spec.budget.total_epochs(flight.info.steps_per_epoch or 1)
        steps = spec.budget.total_steps(flight.info.steps_per_epoch) if flight.info.steps_per_epoch else None
        tests = self._range_tests(spec, past.range_tests, epochs, steps, measured if plan.fused else None)
        if isinstance(tests, Stop):
            return _ENDINGS[tests]
        self._lint_again(flight, tests)
        if not spec.trials:
            return Ending.DONE
        space = search_space(spec, tests, epochs, flight.left_out)
        search = self._search(spec, space, tests, epochs, plan)
        search.resume(past.trials, past.suspects)
        told = search.run(self._stop, _TICK)
        found = picks(search.results, space, spec.objective, spec.seeds)
        self._recorder.picked(found)
        if told is None:
            told = self._try_multiples(spec, found, search.results, epochs)
        return Ending.DONE if self._out_of_time else _ENDINGS[told]

    def _try_multiples(
        self, spec: SweepSpec, found: Sequence[Pick], results: Sequence[TrialResult], epochs: int
    ) -> Stop | None:
        """Adds to the picks how near the edge of stability they are; gives why it was told to stop meanwhile."""
        if spec.stability == "off" or not found:
            return None
        phase = StabilityPhase(spec, self._runner, found, results, epochs=epochs, warn=self._warn)
        tried = phase.run(self._stop, _TICK)
        if isinstance(tried, Stop):
            return tried
        self._recorder.picked(tried)
        return None

    def _range_tests(
        self,
        spec: SweepSpec,
        known: Sequence[RangeTest],
        epochs: int,
        steps: int | None,
        stacked: LaneProbe | None,
    ) -> Sequence[RangeTest] | Stop:
        """The range tests of all optimizers, probed where the spec says so; a test is recorded once that is done."""
        keep = self._recorder.range_tested
        probing = spec.range_test is not None and spec.range_test.probe > 0
        phase = RangePhase(
            spec,
            self._runner,
            (lambda test: None) if probing else keep,
            known,
            probed=steps if probing else None,
            warn=self._warn,
        )
        tests = phase.run(self._wanted, _TICK)
        if isinstance(tests, Stop) or not probing:
            return tests
        probes = ProbePhase(
            spec,
            self._runner,
            [test for test in tests if test not in known],
            epochs=epochs,
            stacked=stacked,
            checkpoints=self._checkpoints,
            keep=keep,
            warn=self._warn,
        )
        probed = probes.run(self._wanted, _TICK)
        return probed if isinstance(probed, Stop) else [*known, *probed]

    def _lint_again(self, flight: Preflight, tests: Sequence[RangeTest]) -> None:
        for finding in news(
            flight.findings, lint(self._spec, steps_per_epoch=flight.info.steps_per_epoch, tests=tests)
        ):
            self._warn(finding)

    def _plan(self, spec: SweepSpec, flight: Preflight) -> tuple[LanePlan, LaneProbe | None]:
        asked = lanes_asked(spec)
        size: Mapping[str, int] = {"workers": spec.workers.count, "trials": spec.total_trials or asked.count or 1}
        probe = None
        if wanted := rehearsal(spec, **size, steps_per_epoch=flight.info.steps_per_epoch):
            able = [job for job in candidate_jobs(spec, flight.left_out) if job.key not in flight.info.refused]
            probe = self._runner.measure(able, wanted)
        plan = lane_plan(asked, **size, probe=probe)
        self._recorder.planned(plan, probe)
        return plan, probe

    def _search(
        self, spec: SweepSpec, space: SearchSpace, tests: Sequence[RangeTest], epochs: int, plan: LanePlan
    ) -> Search:
        proposer = self._make_proposer(spec, space, starting_points(spec, space, tests), epochs, plan.reach)
        return Search(
            spec,
            self._runner,
            self._recorder,
            proposer,
            epochs=epochs,
            lanes=plan.count * spec.workers.count,
            checkpoints=self._checkpoints,
            warn=self._warn,
        )

    def _stop(self) -> Stop | None:
        if wanted := self._wanted():
            return wanted
        timeout = self._spec.timeout
        self._out_of_time = timeout is not None and self._clock() - self._began >= timeout
        return Stop.CANCELLED if self._out_of_time else None


def _other_data(before: int | None, now: int | None) -> Finding:
    problem = f"an epoch had {before} steps when the sweep was last run, and has {now} now: its data have changed"
    return warning("task", problem, "trials that had begun begin anew, and what ended before may not compare")
