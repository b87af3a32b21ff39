"""Trains in this very process: for debugging, for tests, and where other processes are too much."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.records import Ended, Event, Job, Stop, TaskInfo
from sweeps.spec import Precision
from workers.mailbox import Mailbox
from workers.worker import Worker


class InlineRunner:
    """A Runner without processes; a debugger's breakpoint in the task works."""

    def __init__(
        self,
        make_task: Callable[[], Any],
        *,
        gpu: bool = False,
        threads: int = 1,
        precision: Precision = "float32",
        provided: Mapping[str, Any] | None = None,
    ):
        self._worker = Worker(make_task, gpu=gpu, threads=threads, precision=precision, provided=provided)
        self._mailbox = Mailbox()
        self._lanes = 0
        self._running: set[str] = set()
        self._said: Iterator[Sequence[Event]] = iter(())

    def probe(self, candidates: Sequence[Job] = ()) -> TaskInfo:
        return self._worker.probe(candidates)

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        return self._worker.measure(candidates, wanted)

    def open(self, plan: LanePlan) -> None:
        self._lanes = plan.room
        self._said = self._worker.serve(self._mailbox, plan)

    def room(self) -> int:
        return self._lanes - len(self._running)

    def submit(self, jobs: Sequence[Job]) -> None:
        self._running |= {job.key for job in jobs}
        self._mailbox.put(jobs)

    def events(self, timeout: float) -> Iterable[Event]:
        # The coordinator has given its word on what was said before it asks for more: nobody waits at a rung.
        for key in self._running:
            self._mailbox.go_on(key)
        said = next(self._said) if self._running else ()
        self._running -= {event.key for event in said if isinstance(event, Ended)}
        return said

    def go_on(self, key: str) -> None:
        self._mailbox.go_on(key)

    def stop(self, key: str, reason: Stop) -> None:
        self._mailbox.stop(key, reason)

    def close(self) -> None:
        """Gives this process, which is not a worker's alone, its subnormal numbers back."""
        torch.set_flush_denormal(False)
