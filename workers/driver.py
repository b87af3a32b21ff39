"""Runs a user's own training loop to its end: passes the coordinator's word to it, turns errors into outcomes."""

from collections.abc import Callable, Generator, Iterator

from sweeps.errors import TaskError, UserError
from sweeps.records import Ended, Event, Job, Outcome, Report, Started, Stop
from workers.tracebacks import user_traceback

Training = Generator[Started | Report, Stop | None, Ended]
"""Yields events, takes the reason to stop (None: go on), returns how it ended."""


def failed(job: Job, error: Exception) -> Ended:
    """The end of a job that an exception ended."""
    # TaskError and UserError are lrsweep's own, about the task or the spec: they say all without a traceback.
    said = str(error) if isinstance(error, TaskError | UserError) else user_traceback(error)
    return Ended(key=job.key, outcome=Outcome.FAILED, error=said)


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
        except Exception as error:
            yield failed(job, error)
            return
        yield event
        stop = word(event) if isinstance(event, Report) else None
