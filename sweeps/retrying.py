"""Tries a job again whose worker died under it, but not for ever: it may be the job that kills its workers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.ports import Runner
from sweeps.records import Ended, Event, Job, Lost, Outcome, Report, Started, Stop, TaskInfo

_ATTEMPTS = 3
"""Times that a job is tried in all when its worker dies under it and it never gets any further."""


@dataclass(slots=True)
class _Tries:
    """A job, the epoch it has reached, and how often it was lost since it last got further than `furthest`."""

    job: Job
    epoch: int = 0
    furthest: int = -1
    lost: int = 0
    told: Stop | None = None

    @property
    def again(self) -> Job:
        """The job as it is to be tried again: what was said of it by now is known."""
        return self.job if self.job.known is None else replace(self.job, known=self.epoch)

    def lose(self) -> bool:
        """Counts a loss; True if it may be tried again."""
        self.lost = self.lost + 1 if self.epoch <= self.furthest else 1
        self.furthest = max(self.furthest, self.epoch)
        return self.lost < _ATTEMPTS


class Retrying:
    """A Runner whose jobs are never Lost: they go on from their checkpoints, or end as FAILED with the reason.

    A job that gets further each time is tried as often as it takes.
    """

    def __init__(self, runner: Runner):
        self._runner = runner
        self._tries: dict[str, _Tries] = {}

    def probe(self, candidates: Sequence[Job] = ()) -> TaskInfo:
        return self._runner.probe(candidates)

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        return self._runner.measure(candidates, wanted)

    def open(self, plan: LanePlan) -> None:
        self._runner.open(plan)

    def room(self) -> int:
        return self._runner.room()

    def submit(self, jobs: Sequence[Job]) -> None:
        self._tries |= {job.key: _Tries(job, epoch=job.known or 0) for job in jobs}
        self._runner.submit(jobs)

    def events(self, timeout: float) -> Iterable[Event]:
        return [kept for event in list(self._runner.events(timeout)) if (kept := self._hear(event)) is not None]

    def _hear(self, event: Event) -> Event | None:
        if (tries := self._tries.get(event.key)) is None:
            return event
        match event:
            case Started() | Report():
                tries.epoch = event.epoch
            case Ended():
                del self._tries[event.key]
            case Lost():
                return self._lost(event, tries)
        return event

    def _lost(self, event: Lost, tries: _Tries) -> Ended | None:
        if tries.told not in (Stop.CANCELLED, Stop.INTERRUPTED):
            if tries.lose():
                self._runner.submit([tries.again])
                return None
            error = f"tried {tries.lost} times; {event.reason}"
            ended = Ended(key=event.key, outcome=Outcome.FAILED, error=error)
        else:
            interrupted = tries.told is Stop.INTERRUPTED
            ended = Ended(key=event.key, outcome=Outcome.CANCELLED, interrupted=interrupted)
        del self._tries[event.key]
        return ended

    def go_on(self, key: str) -> None:
        self._runner.go_on(key)

    def stop(self, key: str, reason: Stop) -> None:
        if key in self._tries:
            self._tries[key].told = reason
        self._runner.stop(key, reason)

    def close(self) -> None:
        self._runner.close()
