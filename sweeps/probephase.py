"""After the range tests: trains a few LRs for real, and lets them correct what each curve suggests."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sweeps.dispatch import Dispatch
from sweeps.failures import last_line
from sweeps.finding import Finding
from sweeps.jobs import probe_job
from sweeps.lanerecords import LaneProbe
from sweeps.lrprobe import LrProbe, Means, Stretch, means, probe_span, untrained
from sweeps.ports import Runner
from sweeps.records import Ended, Event, Job, Probed, RangeTest, Report, Started, Stop
from sweeps.spec import SweepSpec


@dataclass(slots=True)
class _Lane:
    """A stretch of one lane on a worker. It ends at its last epoch, or is sent away there with a checkpoint."""

    stretch: Stretch
    job: Job
    values: list[float] = field(default_factory=list)


class _Probing:
    """One optimizer's probe."""

    def __init__(self, spec: SweepSpec, test: RangeTest, *, epochs: int, spend: Means, checkpoints: str | None):
        assert spec.range_test is not None
        low, high = probe_span(test)
        self._spec, self._test, self._checkpoints = spec, test, checkpoints
        self._probe = LrProbe(
            low=low,
            high=high,
            seeds=test.seeds,
            epochs=epochs,
            objective=spec.objective,
            untrained=untrained(test, spec.objective.metric),
            afford=spend.afford,
            shared=spend.shared,
            at_once=spend.at_once,
        )
        self._lanes: dict[str, _Lane] = {}
        self._values: dict[tuple[float, int], list[float]] = {}
        self._error: str | None = None

    def next(self) -> Iterator[Job]:
        """The orders of the next rounds, as soon as all of the last one are over."""
        while not self._lanes and self._error is None and (stretches := self._probe.ask()):
            for each in stretches:
                known = self._values.get((each.lr, each.seed), [])
                if len(known) >= each.epochs:
                    self._tell(each, known)
                    continue
                job = probe_job(self._spec, self._test.optimizer, each, self._checkpoints, known=len(known))
                self._lanes[job.key] = _Lane(each, job, list(known))
                yield job

    def take(self, event: Event, runner: Runner) -> bool:
        """Takes what a worker says of one of its lanes; False if it has no such lane."""
        lane = self._lanes.get(event.key)
        if lane is None:
            return False
        match event:
            case Started():
                del lane.values[event.epoch :]
            case Report():
                value = event.metrics.get(self._spec.objective.metric)
                lane.values.append(math.nan if value is None else value)
                if event.epoch in lane.job.rungs:
                    # With a checkpoint: whether it goes on is known when the others have come as far.
                    runner.stop(event.key, Stop.INTERRUPTED)
            case Ended(error=None):
                del self._lanes[event.key]
                self._tell(lane.stretch, lane.values)
            case Ended():
                self._error = last_line(event.error or "")
                del self._lanes[event.key]
        return True

    def _tell(self, stretch: Stretch, values: Sequence[float]) -> None:
        self._values[stretch.lr, stretch.seed] = list(values)
        # What ended without having come that far has diverged.
        exploded = len(values) < stretch.epochs or not all(map(math.isfinite, values))
        self._probe.tell(Probed(lr=stretch.lr, seed=stretch.seed, values=tuple(values), exploded=exploded))

    @property
    def over(self) -> bool:
        """True once nothing of it is left on a worker, and nothing is left to be tried."""
        return not self._lanes

    def test(self) -> RangeTest:
        """The range test, with what the probe concluded."""
        scheduler = self._spec.schedulers[0].name
        if self._error is not None:
            reason = f"its probe failed: {self._error}"
            return replace(self._test, scheduler=scheduler, trusted=False, reasons=(*self._test.reasons, reason))
        found = self._probe.verdict()
        return replace(
            self._test,
            scheduler=scheduler,
            initial_lr=found.initial_lr,
            interval=found.interval,
            low=min(self._test.low, found.interval[0]),
            high=max(self._test.high, found.interval[1]),
            trusted=found.trusted,
            reasons=found.reasons,
            probe=found.probe,
        )


class ProbePhase:
    """The probes of one sweep, all at once, each under the first scheduler of the spec.

    `stacked` says what stacked lanes cost here (None: they take turns): it turns the trainings that each probe may cost
    into epochs of lanes.
    Every lane ends at its rung with a checkpoint and goes on from there, so that probes of any size fit any worker.
    """

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        tests: Sequence[RangeTest],
        *,
        epochs: int,
        stacked: LaneProbe | None = None,
        checkpoints: str | None = None,
        keep: Callable[[RangeTest], None],
        warn: Callable[[Finding], None],
    ):
        self._runner, self._keep, self._dispatch = runner, keep, Dispatch(runner, warn)
        assert spec.range_test is not None
        costs = stacked or LaneProbe(alone=1.0, refused="lanes take turns")
        spend = means(costs, epochs=epochs, picks=len(tests), runs=spec.range_test.probe)
        self._probings = [_Probing(spec, test, epochs=epochs, spend=spend, checkpoints=checkpoints) for test in tests]
        self._ask()

    def run(self, wanted: Callable[[], Stop | None], tick: float) -> list[RangeTest] | Stop:
        """The range tests as their probes have corrected them, or why it was told to stop meanwhile."""
        tests: list[RangeTest] = []
        while self._probings:
            if (told := wanted()) is not None:
                return told
            for event in self._dispatch.events(tick):
                any(each.take(event, self._runner) for each in self._probings)
            self._ask()
            for each in [each for each in self._probings if each.over]:
                self._probings.remove(each)
                tests.append(each.test())
                self._keep(tests[-1])
        return tests

    def _ask(self) -> None:
        self._dispatch.add(job for each in self._probings for job in each.next())
