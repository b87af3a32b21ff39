"""The first phase of a sweep: range tests of all optimizers and seeds at once."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from sweeps.catalogue import optimizer_row
from sweeps.dispatch import Dispatch
from sweeps.domains import Range
from sweeps.failures import SweepFailed, last_line
from sweeps.finding import Finding, warning
from sweeps.jobs import range_test_jobs, range_test_ramp, range_tested
from sweeps.lrprobe import span_steps
from sweeps.ports import Runner
from sweeps.rangetest import ramp_lrs, read_range_test
from sweeps.records import Ended, Event, Job, Ramp, RangeTest, Report, Started, Stop
from sweeps.spec import RAMP_STEPS, OptimizerSpec, SweepSpec
from sweeps.widening import wider

_WIDENED = 2
"""How often a ramp is widened at most."""


@dataclass(slots=True)
class _Lane:
    """One seed's job and what came of it."""

    job: Job
    losses: list[float] = field(default_factory=list)
    watched: dict[int, Mapping[str, float]] = field(default_factory=dict)
    error: str | None = None
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One optimizer's ramp, on every seed; `narrower` is what a narrower one gave, so many times `widened`."""

    optimizer: OptimizerSpec
    ramp: Ramp
    lanes: Sequence[_Lane]
    widened: int = 0
    narrower: RangeTest | None = None

    def turns_back(self, further: Ramp) -> bool:
        """True if a ramp that was widened one way should now go the other."""
        if self.narrower is None:
            return False
        return (further.high > self.ramp.high) != (self.ramp.high > self.narrower.lrs[-1])


class RangePhase:
    """Range tests of one sweep: dispatches a ramp for every optimizer and seed, reads each optimizer's curves.

    A ramp that shows no end of its LRs runs again wider, unless the spec gave its bounds. `probed` says how many steps
    a lane makes of the probes that follow (None: there are none): a ramp then only has to say where they look.
    """

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        keep: Callable[[RangeTest], None],
        known: Sequence[RangeTest],
        *,
        probed: int | None = None,
        warn: Callable[[Finding], None] = lambda finding: None,
    ):
        self._warn, self._probed = warn, probed is not None
        if spec.range_test is not None and spec.range_test.steps == RAMP_STEPS and probed is not None:
            spec = replace(spec, range_test=replace(spec.range_test, steps=span_steps(probed)))
        self._spec, self._recorded = spec, keep
        self._tests = list(known)
        self._failed: list[_Attempt] = []
        self._attempts: list[_Attempt] = []
        self._by_key: dict[str, _Lane] = {}
        self._dispatch = Dispatch(runner, warn)
        done = {test.optimizer for test in known}
        for optimizer in range_tested(spec):
            if optimizer.name not in done:
                lanes = _lanes(range_test_jobs(spec, optimizer))
                self._begin(_Attempt(optimizer=optimizer, ramp=range_test_ramp(spec, optimizer), lanes=lanes))

    def _begin(self, attempt: _Attempt) -> None:
        self._attempts.append(attempt)
        self._by_key |= {lane.job.key: lane for lane in attempt.lanes}
        self._dispatch.add(lane.job for lane in attempt.lanes)

    def run(self, wanted: Callable[[], Stop | None], tick: float) -> list[RangeTest] | Stop:
        """All range tests of the sweep, or why it was told to stop meanwhile (those that were over are recorded).

        An optimizer whose range test fails on every seed goes on with the catalogue's bounds. Raises SweepFailed
        if the range tests of all optimizers fail in the same way.
        """
        while self._attempts:
            if (told := wanted()) is not None:
                return told
            for event in self._dispatch.events(tick):
                self._take(event)
            for attempt in [each for each in self._attempts if all(lane.over for lane in each.lanes)]:
                self._attempts.remove(attempt)
                self._close(attempt)
        self._close_failed()
        return self._tests

    def _close(self, attempt: _Attempt) -> None:
        if any(lane.error is None for lane in attempt.lanes):
            self._widen_or_keep(attempt)
        elif attempt.narrower is not None:
            self._keep(attempt.narrower)
        else:
            self._failed.append(attempt)

    def _widen_or_keep(self, attempt: _Attempt) -> None:
        test, optimizer = _read(attempt, bootstrap=not self._probed), attempt.optimizer
        further = wider(attempt.ramp, test) if self._may_widen(attempt) else None
        if further is None or attempt.turns_back(further):
            self._keep(test if further is None else attempt.narrower or test)
            return
        self._warn(
            warning(
                f"range test {optimizer.name}",
                f"between {attempt.ramp.low:.2g} and {attempt.ramp.high:.2g} its loss shows no end of LRs, so it runs "
                f"again from {further.low:.2g} to {further.high:.2g}",
                "to keep it inside, give lr: {low: ..., high: ...}",
            )
        )
        lanes = _lanes(range_test_jobs(self._spec, optimizer, further))
        self._begin(
            _Attempt(optimizer=optimizer, ramp=further, lanes=lanes, widened=attempt.widened + 1, narrower=test)
        )

    def _may_widen(self, attempt: _Attempt) -> bool:
        row = optimizer_row(attempt.optimizer.name)
        given = isinstance(attempt.optimizer.lr, Range)
        return attempt.widened < _WIDENED and not given and row.lr_says == "every step"

    def _close_failed(self) -> None:
        errors = [lane.error for attempt in self._failed for lane in attempt.lanes if lane.error is not None]
        if not self._tests and len(set(map(last_line, errors))) == 1:
            raise SweepFailed(f"the range tests all failed the same way:\n{errors[0]}")
        for attempt in self._failed:
            reason = f"it failed on every seed: {last_line(attempt.lanes[0].error or '')}"
            self._keep(replace(_read(attempt, bootstrap=False), reasons=(reason,)))

    def _keep(self, test: RangeTest) -> None:
        self._tests.append(test)
        self._recorded(test)

    def _take(self, event: Event) -> None:
        lane = self._by_key[event.key]
        match event:
            case Started():
                # A lane that begins again, others having failed beside it, begins from the start.
                lane.losses, lane.watched = [], {}
            case Report():
                lane.losses += event.step_losses
                lane.watched |= event.watched
            case Ended():
                lane.error, lane.over = event.error, True


def _lanes(jobs: Iterable[Job]) -> list[_Lane]:
    return [_Lane(job) for job in jobs]


def _read(attempt: _Attempt, *, bootstrap: bool) -> RangeTest:
    # A failed seed's curve was not cut short by its LR, as it would seem.
    watched: list[Mapping[int, Mapping[str, float]]] = [
        {} if lane.error is not None else lane.watched for lane in attempt.lanes
    ]
    steps = sorted({step for each in watched for step in each})
    names = sorted({name for each in watched for metrics in each.values() for name in metrics})
    return read_range_test(
        attempt.optimizer.name,
        seeds=[lane.job.seed for lane in attempt.lanes],
        lrs=ramp_lrs(attempt.ramp),
        losses=[[] if lane.error is not None else _finite_part(lane.losses) for lane in attempt.lanes],
        metric_steps=steps,
        metrics={
            name: [_finite_part([each.get(step, {}).get(name, math.nan) for step in steps]) for each in watched]
            for name in names
        },
        bootstrap=bootstrap,
    )


def _finite_part(values: Sequence[float]) -> list[float]:
    return list(takewhile(math.isfinite, values))
