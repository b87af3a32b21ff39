"""Trains in this very process, one job at a time: for debugging, for tests, and where Ray is too much."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from sweeps.records import Ended, Event, Job, Stop, TaskInfo
from workers.driver import Mailbox
from workers.worker import Worker


class InlineRunner:
    """A Runner without processes; a debugger's breakpoint in the task works."""

    def __init__(self, make_task: Callable[[], Any], *, gpu: bool = False, threads: int = 1):
        self._worker = Worker(make_task, gpu=gpu, threads=threads)
        self._mailbox = Mailbox()
        self._job: Job | None = None
        self._running: Iterator[Event] = iter(())

    def probe(self) -> TaskInfo:
        return self._worker.probe()

    def has_room(self) -> bool:
        return self._job is None

    def submit(self, job: Job) -> None:
        self._job = job
        # The coordinator has given its word on a report before it asks for the next event, so none is waited for.
        self._running = self._worker.run(job, lambda report: self._mailbox.read(report.key))

    def events(self, timeout: float) -> Iterable[Event]:
        event = next(self._running, None)
        if isinstance(event, Ended):
            self._mailbox.forget(event.key)
            self._job = None
        return [] if event is None else [event]

    def go_on(self, key: str) -> None:
        self._mailbox.go_on(key)

    def stop(self, key: str, reason: Stop) -> None:
        self._mailbox.stop(key, reason)

    def close(self) -> None:
        """Gives this process, which is not a worker's alone, its subnormal numbers back."""
        torch.set_flush_denormal(False)
