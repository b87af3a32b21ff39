"""Runs a job to its end inside a worker: passes the coordinator's word to the loop, turns errors into outcomes."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sweeps.errors import TaskError, UserError
from sweeps.records import Ended, Event, Job, Outcome, Report, Stop
from workers.tracebacks import user_traceback
from workers.training import Training


@dataclass(slots=True)
class Mailbox:
    """The coordinator's word for running jobs; may be written by another thread than reads it."""

    _stops: dict[str, Stop] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

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


def drive(training: Training, job: Job, word: Callable[[Report], Stop | None]) -> Iterator[Event]:
    """Yields a job's events to its end; `word` is asked after each report. The user's errors end it as FAILED."""
    stop: Stop | None = None
    started = False
    while True:
        try:
            event = training.send(stop) if started else next(training)
            started = True
        except StopIteration as over:
            yield over.value
            return
        except (TaskError, UserError) as error:
            # Raised by lrsweep about the task or the spec: it says all, and its traceback would be lrsweep's own.
            yield Ended(key=job.key, outcome=Outcome.FAILED, error=str(error))
            return
        except Exception as error:
            yield Ended(key=job.key, outcome=Outcome.FAILED, error=user_traceback(error))
            return
        yield event
        stop = word(event) if isinstance(event, Report) else None
