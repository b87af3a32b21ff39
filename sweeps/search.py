"""The main phase of a sweep: keeps the workers busy with proposals until none is left."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from sweeps.failures import FailureWatch
from sweeps.finding import Finding, noticed
from sweeps.jobs import trial_job
from sweeps.ports import Proposer, Recorder, Runner
from sweeps.records import Ended, Event, Job, Lost, Notice, Outcome, Proposal, Report, Started, Stop, TrialResult
from sweeps.spec import SweepSpec


@dataclass(slots=True, kw_only=True)
class _Running:
    """A trial in training and its objective after each epoch."""

    proposal: Proposal
    job: Job
    objectives: list[float] = field(default_factory=list)


class Search:
    """Trains what a proposer proposes, so many `lanes` at once. What a worker says is recorded first, told second."""

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        recorder: Recorder,
        proposer: Proposer,
        *,
        epochs: int,
        lanes: int,
        checkpoints: str | None,
        warn: Callable[[Finding], None] = lambda finding: None,
    ):
        self._warn = warn
        self._spec, self._runner, self._recorder, self._proposer = spec, runner, recorder, proposer
        self._epochs, self._lanes, self._checkpoints = epochs, lanes, checkpoints
        self._waiting: list[_Running] = []
        self._running: dict[str, _Running] = {}
        self._results: dict[int, TrialResult] = {}
        self._failures = FailureWatch()
        self._told: Stop | None = None

    @property
    def results(self) -> list[TrialResult]:
        """Every trial that has ended, by number."""
        return [self._results[number] for number in sorted(self._results)]

    def resume(self, past: Sequence[TrialResult], suspects: Collection[int] = ()) -> None:
        """Takes up what an earlier run left: ended trials count, unfinished ones go first, suspects among them alone.

        A trial that was left at a rung, just as it was to be pruned, ends there.
        """
        self._proposer.replay(past)
        self._results = {trial.proposal.number: trial for trial in past if trial.outcome is not None}
        if any(trial.outcome not in (None, Outcome.FAILED, Outcome.CANCELLED) for trial in past):
            self._failures.saw(None)
        for unfinished in [trial for trial in past if trial.outcome is None]:
            trial = self._taken_up(unfinished, alone=unfinished.proposal.number in suspects)
            if trial.objectives and self._judge(trial, len(trial.objectives)):
                self._end(Ended(key=trial.job.key, outcome=Outcome.PRUNED), trial)
            else:
                self._waiting.append(trial)

    def run(self, wanted: Callable[[], Stop | None], tick: float) -> Stop | None:
        """Trains until nothing is left to propose (None), or until told to stop and all running trials did.

        Raises SweepFailed when the first trials all fail the same way.
        """
        while True:
            if self._told is None and (told := wanted()):
                self._told = told
                for key in self._running:
                    self._runner.stop(key, told)
            if self._told is None:
                self._fill()
            if not self._running and (self._told or (self._proposer.exhausted and not self._waiting)):
                return self._told
            said = []
            for event in self._runner.events(tick):
                if isinstance(event, Notice):
                    self._warn(noticed(event.text))
                elif event.key in self._running:
                    said.append(event)
            # A verdict looks at the trials before: what they said at the same time comes first.
            said.sort(key=self._number)
            self._record(said)
            for event in said:
                self._take(event)

    def _fill(self) -> None:
        new = []
        for trial in islice(self._next(), self._runner.room()):
            self._recorder.proposed(trial.proposal)
            self._running[trial.job.key] = trial
            new.append(trial.job)
        if new:
            self._runner.submit(new)

    def _next(self) -> Iterator[_Running]:
        """What waits, then what is proposed, as long as there is something.

        The lanes of the search bound what a proposal does not know. A starting point need know nothing.
        """
        while self._waiting:
            yield self._waiting.pop(0)
        while self._proposer.starting or len(self._running) < self._lanes:
            if (proposal := self._proposer.ask()) is None:
                return
            yield _Running(proposal=proposal, job=self._job(proposal))

    def _job(self, proposal: Proposal, known: int = 0) -> Job:
        return replace(trial_job(self._spec, proposal, self._epochs, self._checkpoints), known=known)

    def _taken_up(self, past: TrialResult, *, alone: bool) -> _Running:
        job = replace(self._job(past.proposal, known=len(past.objectives)), alone=alone)
        return _Running(proposal=past.proposal, job=job, objectives=list(past.objectives))

    def _take(self, event: Event) -> None:
        trial = self._running[event.key]
        match event:
            case Started():
                del trial.objectives[event.epoch :]
            case Report():
                self._take_report(event, trial)
            case Ended():
                self._take_end(event, trial)

    def _record(self, said: Sequence[Event]) -> None:
        """Records all that was reported, before any of it is judged."""
        reports = [event for event in said if isinstance(event, Report)]
        if reports:
            self._recorder.reported([(self._number(each), each, self._objective(each)) for each in reports])

    def _number(self, event: Started | Report | Ended | Lost) -> int:
        return self._running[event.key].proposal.number

    def _objective(self, report: Report) -> float | None:
        return report.metrics.get(self._spec.objective.metric)

    def _take_report(self, report: Report, trial: _Running) -> None:
        value = self._objective(report)
        trial.objectives.append(math.nan if value is None else value)
        prune = self._judge(trial, report.epoch)
        if report.epoch in trial.job.rungs:
            if prune:
                self._runner.stop(report.key, Stop.PRUNED)
            else:
                self._runner.go_on(report.key)

    def _judge(self, trial: _Running, epoch: int) -> bool:
        """Passes a trial's objective after an epoch on; True if it is to be pruned there.

        An epoch in which it was not finite says nothing: the trial has diverged, and is told as such.
        """
        so_far = self._spec.objective.of(trial.objectives)
        if so_far is None or not math.isfinite(trial.objectives[-1]):
            return False
        return self._proposer.report(trial.proposal.number, epoch, so_far) and epoch in trial.job.rungs

    def _take_end(self, ended: Ended, trial: _Running) -> None:
        del self._running[ended.key]
        self._end(ended, trial)

    def _end(self, ended: Ended, trial: _Running) -> None:
        value = self._spec.objective.of(trial.objectives)
        self._recorder.ended(trial.proposal.number, ended, value)
        if ended.interrupted:
            return
        result = TrialResult(
            proposal=trial.proposal,
            outcome=ended.outcome,
            value=value,
            epochs=len(trial.objectives),
            objectives=tuple(trial.objectives),
            error=ended.error,
        )
        self._results[trial.proposal.number] = result
        self._proposer.tell(result)
        self._failures.saw(ended.error)
