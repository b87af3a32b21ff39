"""The main phase of a sweep: keeps the workers busy with proposals until none is left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sweeps.failures import FailureWatch
from sweeps.jobs import trial_job
from sweeps.ports import Proposer, Recorder, Runner
from sweeps.records import Ended, Event, Job, Lost, Outcome, Proposal, Report, Started, Stop, TrialResult
from sweeps.spec import SweepSpec

_ATTEMPTS = 3
"""Times that a trial is tried in all when its worker dies under it."""


@dataclass(slots=True, kw_only=True)
class _Running:
    """A trial in training and its objective after each epoch."""

    proposal: Proposal
    job: Job
    objectives: list[float] = field(default_factory=list)
    attempts: int = 1


class Search:
    """Trains what a proposer proposes. What a worker says is recorded first, told second."""

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        recorder: Recorder,
        proposer: Proposer,
        *,
        epochs: int,
        checkpoints: str | None,
    ):
        self._spec, self._runner, self._recorder, self._proposer = spec, runner, recorder, proposer
        self._epochs, self._checkpoints = epochs, checkpoints
        self._waiting: list[TrialResult] = []
        self._running: dict[str, _Running] = {}
        self._results: dict[int, TrialResult] = {}
        self._failures = FailureWatch()

    @property
    def results(self) -> list[TrialResult]:
        """Every trial that has ended, by number."""
        return [self._results[number] for number in sorted(self._results)]

    def resume(self, past: Sequence[TrialResult]) -> None:
        """Takes up what an earlier run left: ended trials count, unfinished ones go first."""
        self._proposer.replay(past)
        self._results = {trial.proposal.number: trial for trial in past if trial.outcome is not None}
        self._waiting = [trial for trial in past if trial.outcome is None]

    def run(self, wanted: Callable[[], Stop | None], tick: float) -> Stop | None:
        """Trains until nothing is left to propose (None), or until told to stop and all running trials did.

        Raises SweepFailed when the first trials all fail the same way.
        """
        told: Stop | None = None
        while True:
            if told is None and (told := wanted()):
                for key in self._running:
                    self._runner.stop(key, told)
            if told is None:
                self._fill()
            if not self._running and (told or (self._proposer.exhausted and not self._waiting)):
                return told
            for event in self._runner.events(tick):
                if event.key in self._running:
                    self._take(event)

    def _fill(self) -> None:
        while self._runner.has_room():
            if self._waiting:
                unfinished = self._waiting.pop(0)
                self._start(unfinished.proposal, list(unfinished.objectives))
            elif proposal := self._proposer.ask():
                self._start(proposal, [])
            else:
                return

    def _start(self, proposal: Proposal, objectives: list[float]) -> None:
        job = trial_job(self._spec, proposal, self._epochs, self._checkpoints)
        self._recorder.proposed(proposal)
        self._running[job.key] = _Running(proposal=proposal, job=job, objectives=objectives)
        self._runner.submit(job)

    def _take(self, event: Event) -> None:
        trial = self._running[event.key]
        match event:
            case Started():
                del trial.objectives[event.epoch :]
            case Report():
                self._take_report(event, trial)
            case Ended():
                self._take_end(event, trial)
            case Lost() if trial.attempts < _ATTEMPTS:
                trial.attempts += 1
                self._runner.submit(trial.job)
            case Lost():
                error = f"tried {trial.attempts} times; {event.reason}"
                self._take_end(Ended(key=event.key, outcome=Outcome.FAILED, error=error), trial)

    def _take_report(self, report: Report, trial: _Running) -> None:
        number, objective = trial.proposal.number, self._spec.objective
        value = report.metrics.get(objective.metric)
        self._recorder.reported(number, report, value)
        if value is not None:
            trial.objectives.append(value)
        so_far = objective.of(trial.objectives)
        prune = so_far is not None and self._proposer.report(number, report.epoch, so_far)
        if report.epoch in trial.job.rungs:
            if prune:
                self._runner.stop(report.key, Stop.PRUNED)
            else:
                self._runner.go_on(report.key)

    def _take_end(self, ended: Ended, trial: _Running) -> None:
        del self._running[ended.key]
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
