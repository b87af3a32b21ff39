"""Where coordinator and worker meet: jobs and the coordinator's word go in, and wait there to be read."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from sweeps.records import Job, Stop


@dataclass(slots=True)
class Mailbox:
    """Jobs for a worker, and the coordinator's word for those that run; may be written by another thread than reads."""

    _jobs: list[Job] = field(default_factory=list)
    _stops: dict[str, Stop] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    _expecting: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, jobs: Sequence[Job]) -> None:
        """Leaves jobs to be trained; none says that nothing takes the place of what has ended."""
        with self._changed:
            self._jobs += jobs
            self._expecting = False
            self._changed.notify_all()

    def expect(self) -> None:
        """Something is about to be said to have ended: the next `take` waits for what takes its place."""
        with self._changed:
            self._expecting = True

    def take(self, *, wait: bool) -> list[Job]:
        """The jobs that have come since; if there are none, waits for the first if told to."""
        with self._changed:
            self._changed.wait_for(lambda: not self._expecting)
            if wait:
                self._changed.wait_for(lambda: self._jobs)
            jobs, self._jobs = self._jobs, []
            return jobs

    def stop(self, key: str, reason: Stop) -> None:
        """Stops a job at its next report, or at the rung where it waits."""
        with self._changed:
            self._stops.setdefault(key, reason)
            self._changed.notify_all()

    def go_on(self, key: str) -> None:
        """Lets a job that waits at a rung train on."""
        with self._changed:
            self._answered.add(key)
            self._changed.notify_all()

    def read(self, key: str) -> Stop | None:
        """The reason to stop, if there is one by now."""
        with self._changed:
            self._answered.discard(key)
            return self._stops.get(key)

    def wait(self, key: str) -> Stop | None:
        """Waits at a rung for either word; the reason to stop, or None to go on."""
        with self._changed:
            self._changed.wait_for(lambda: key in self._answered or key in self._stops)
            self._answered.discard(key)
            return self._stops.get(key)

    def forget(self, key: str) -> None:
        """Forgets a job that is over."""
        with self._changed:
            self._stops.pop(key, None)
            self._answered.discard(key)
