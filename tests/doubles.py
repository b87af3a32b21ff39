"""What several tests make: a small spec, records of trials, a runner that follows a script, a recorder in memory."""

import math
import random
from collections.abc import Callable, Generator, Sequence
from typing import Any

from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.records import (
    Budget,
    Ended,
    Event,
    Job,
    Lost,
    Outcome,
    Pick,
    Proposal,
    RangeTest,
    Report,
    Reported,
    Stop,
    TaskInfo,
    TrialResult,
)
from sweeps.spec import OptimizerSpec, SchedulerSpec, SweepSpec, TaskSpec


def a_spec(**given: Any) -> SweepSpec:
    """A sweep over two optimizers and two schedulers, but for what is given."""
    defaults = {
        "name": "test",
        "task": TaskSpec(use="quadratic"),
        "budget": Budget(epochs=12),
        "optimizers": (OptimizerSpec(name="SGD"), OptimizerSpec(name="AdamW")),
        "schedulers": (SchedulerSpec(name="none"), SchedulerSpec(name="StepLR")),
        "trials": 20,
        "stability": "off",
    }
    return SweepSpec(**{**defaults, **given})


def a_range_test(optimizer: str, initial_lr: float, *, trusted: bool = True) -> RangeTest:
    """A range test that found this LR."""
    return RangeTest(
        optimizer=optimizer,
        initial_lr=initial_lr,
        low=initial_lr / 10,
        high=initial_lr * 3,
        trusted=trusted,
        reasons=() if trusted else ("nothing learned",),
        seeds=(0,),
        lrs=(0.1, 1.0),
        losses=((1.0, 0.5),),
    )


def a_result(
    number: int,
    value: float | None,
    *,
    outcome: Outcome | None = Outcome.COMPLETE,
    objectives: Sequence[float] = (),
    error: str | None = None,
    **proposal: Any,
) -> TrialResult:
    """A trial that ended with this value."""
    defaults = {"optimizer": "SGD", "scheduler": "none", "initial_lr": 0.1, "seed": 0}
    return TrialResult(
        proposal=Proposal(number=number, **{**defaults, **proposal}),
        outcome=outcome,
        value=value,
        epochs=len(objectives),
        objectives=tuple(objectives),
        error=error,
    )


Life = Callable[[Job], Generator[Event, Stop | None, Ended]]
"""What becomes of a job: yields events, is sent the reason to stop after a report, returns how it ended."""


class ScriptedRunner:
    """A Runner whose jobs live as they are told to, on workers whose pace is drawn. Takes note of what it is told.

    A job that has reported at a rung waits there for a word, as on Ray; nobody giving it is an error.
    """

    def __init__(
        self,
        life: Life,
        *,
        workers: int = 1,
        pace: int = 0,
        info: TaskInfo | None = None,
        log: list[tuple[Any, ...]] | None = None,
        lanes: LaneProbe | None = None,
    ):
        self._lanes = lanes or LaneProbe(refused="nothing is trained")
        self._life, self._workers, self._pace = life, workers, random.Random(pace)
        self._info = info or TaskInfo(steps_per_epoch=10, metrics=("train/loss", "val/loss"))
        self._jobs: dict[str, Job] = {}
        self._lives: dict[str, Generator[Event, Stop | None, Ended]] = {}
        self._reported: dict[str, Report] = {}
        self._answered: set[str] = set()
        self._stops: dict[str, Stop] = {}
        self.log: list[tuple[Any, ...]] = [] if log is None else log
        self.submitted: list[Job] = []
        self.candidates: list[Job] = []

    def probe(self, candidates: Sequence[Job]) -> TaskInfo:
        self.candidates = list(candidates)
        return self._info

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        return self._lanes

    def open(self, plan: LanePlan) -> None:
        self.log.append(("opened", plan.count))

    def room(self) -> int:
        return self._workers - len(self._jobs)

    def submit(self, jobs: Sequence[Job]) -> None:
        assert 0 < len(jobs) <= self.room()
        for job in jobs:
            assert job.key not in self._jobs
            self._jobs[job.key], self._lives[job.key] = job, self._life(job)
            self.submitted.append(job)
            self.log.append(("submitted", job.key))

    def events(self, timeout: float) -> list[Event]:
        ready = [key for key in self._jobs if not self._waits(key)]
        assert ready or not self._jobs, f"nobody gives its word on {list(self._jobs)}"
        if not ready:
            return []
        return [self._next(self._pace.choice(ready))]

    def _waits(self, key: str) -> bool:
        report = self._reported.get(key)
        at_rung = report is not None and report.epoch in self._jobs[key].rungs
        return at_rung and key not in self._answered and key not in self._stops

    def _next(self, key: str) -> Event:
        reported = self._reported.pop(key, None)
        self._answered.discard(key)
        try:
            life = self._lives[key]
            event = next(life) if reported is None else life.send(self._stops.get(key))
        except StopIteration as over:
            event = over.value
        if isinstance(event, Report):
            self._reported[key] = event
        if isinstance(event, Ended | Lost):
            self._stops.pop(key, None)
            del self._jobs[key], self._lives[key]
        return event

    def go_on(self, key: str) -> None:
        assert key in self._jobs
        self._answered.add(key)

    def stop(self, key: str, reason: Stop) -> None:
        assert key in self._jobs
        self.log.append(("stopped", key, reason))
        self._stops.setdefault(key, reason)

    def close(self) -> None:
        self.log.append(("closed",))


class MemoryRecorder:
    """A Recorder that remembers as the store does, and notes the order in which it is told."""

    def __init__(self, log: list[tuple[Any, ...]] | None = None):
        self.log: list[tuple[Any, ...]] = [] if log is None else log
        self.info: TaskInfo | None = None
        self.tests: list[RangeTest] = []
        self.proposals: dict[int, Proposal] = {}
        self.reports: dict[tuple[int, int], Report] = {}
        self.objectives: dict[tuple[int, int], float | None] = {}
        self.endings: dict[int, tuple[Ended, float | None]] = {}
        self.picks: list[Pick] | None = None

    def probed(self, info: TaskInfo) -> None:
        self.log.append(("probed",))
        self.info = info

    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None:
        self.plan = plan

    def range_tested(self, test: RangeTest) -> None:
        self.log.append(("range tested", test.optimizer))
        self.tests = [*(known for known in self.tests if known.optimizer != test.optimizer), test]

    def proposed(self, proposal: Proposal) -> None:
        self.log.append(("proposed", proposal.number))
        self.proposals.setdefault(proposal.number, proposal)

    def reported(self, epochs: Sequence[Reported]) -> None:
        for number, report, objective in epochs:
            self._reported(number, report, objective)

    def _reported(self, number: int, report: Report, objective: float | None) -> None:
        self.log.append(("reported", number, report.epoch))
        self.reports[number, report.epoch] = report
        self.objectives[number, report.epoch] = objective
        for beyond in [key for key in self.reports if key[0] == number and key[1] > report.epoch]:
            del self.reports[beyond], self.objectives[beyond]

    def ended(self, number: int, ended: Ended, value: float | None) -> None:
        self.log.append(("ended", number))
        if not ended.interrupted:
            assert number not in self.endings
            self.endings[number] = (ended, value)

    def picked(self, picks: Sequence[Pick]) -> None:
        self.log.append(("picked",))
        self.picks = list(picks)

    def series(self, number: int) -> list[float]:
        """The objective after each epoch; NaN where it has none."""
        epochs = sorted(epoch for trial, epoch in self.reports if trial == number)
        assert epochs == list(range(1, len(epochs) + 1))
        found = [self.objectives[number, epoch] for epoch in epochs]
        return [math.nan if value is None else value for value in found]

    def history(self) -> list[TrialResult]:
        """The trials by number, as a later run finds them."""
        return [self._trial(proposal) for _, proposal in sorted(self.proposals.items())]

    def _trial(self, proposal: Proposal) -> TrialResult:
        ended, value = self.endings.get(proposal.number, (None, None))
        series = self.series(proposal.number)
        return TrialResult(
            proposal=proposal,
            outcome=ended.outcome if ended else None,
            value=value,
            epochs=len(series),
            objectives=tuple(series),
            error=ended.error if ended else None,
        )
