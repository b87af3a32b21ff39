"""What the coordinator needs of the outside: something that proposes, that trains, that remembers."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.records import Ended, Event, Job, Pick, Proposal, RangeTest, Reported, Stop, TaskInfo, TrialResult


class Proposer(Protocol):
    """Proposes trials and learns from them; deterministic in (spec, seed, history)."""

    def ask(self) -> Proposal | None:
        """The next proposal, or None: `exhausted` says whether forever or until another trial has ended."""

    @property
    def exhausted(self) -> bool:
        """True once every proposal of the sweep has been made."""

    @property
    def starting(self) -> bool:
        """True if the next proposal is a starting point, which learns from no other trial."""

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Takes a trial's objective after an epoch; True if the trial should be pruned there. Says the same again."""

    def tell(self, result: TrialResult) -> None:
        """Takes the outcome of a trial."""

    def replay(self, history: Sequence[TrialResult]) -> None:
        """Goes through what the store remembers of an earlier run, in order of trial number."""


class Runner(Protocol):
    """Trains jobs somewhere. Events of one job come in order; jobs interleave."""

    def probe(self, candidates: Sequence[Job]) -> TaskInfo:
        """Loads the task on a worker, tries one batch, and each candidate for one step.

        `TaskInfo.refused` says which candidates cannot train it. Raises TaskError with the task's own traceback,
        UserError for a candidate that shows a mistake in the spec.
        """

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        """Tries lanes on a worker, of candidates that can train the task."""

    def open(self, plan: LanePlan) -> None:
        """Makes the workers ready for jobs."""

    def room(self) -> int:
        """How many jobs that are submitted now would start at once."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Starts jobs. Never blocks."""

    def events(self, timeout: float) -> Iterable[Event]:
        """What has happened since, waiting at most `timeout` seconds for the first."""

    def go_on(self, key: str) -> None:
        """Lets a job that waits at a rung train on."""

    def stop(self, key: str, reason: Stop) -> None:
        """Stops a job within one epoch; it ends with the outcome that the reason says."""

    def close(self) -> None:
        """Frees the workers."""


class Recorder(Protocol):
    """Remembers. Every call is one transaction; what it returned from is safe."""

    def probed(self, info: TaskInfo) -> None: ...
    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None: ...
    def range_tested(self, test: RangeTest) -> None: ...
    def proposed(self, proposal: Proposal) -> None: ...
    def reported(self, epochs: Sequence[Reported]) -> None: ...
    def ended(self, number: int, ended: Ended, value: float | None) -> None: ...
    def picked(self, picks: Sequence[Pick]) -> None: ...
