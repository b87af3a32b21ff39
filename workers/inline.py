"""Trains in this very process: for debugging, for tests, and where other processes are too much."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.records import Ended, Event, Job, Lost, Stop, TaskInfo
from sweeps.spec import Precision
from workers.mailbox import Mailbox
from workers.worker import Worker


class InlineRunner:
    """A Runner without processes; a debugger's breakpoint in the task works.

    What this process may have died of before trains alone: it takes no other with it, and shows whose fault it was.
    """

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
        self._waiting: list[Job] = []
        self._gone: list[Lost] = []
        self._is_alone = False
        self._said: Iterator[Sequence[Event]] = iter(())

    def probe(self, candidates: Sequence[Job] = ()) -> TaskInfo:
        return self._worker.probe(candidates)

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        return self._worker.measure(candidates, wanted)

    def open(self, plan: LanePlan) -> None:
        self._lanes = plan.room
        self._said = self._worker.serve(self._mailbox, plan)

    def room(self) -> int:
        if self._waiting or (self._is_alone and self._running):
            return 0
        return self._lanes - len(self._running)

    def submit(self, jobs: Sequence[Job]) -> None:
        together = [job for job in jobs if not job.alone]
        self._waiting += [job for job in jobs if job.alone]
        self._running |= {job.key for job in together}
        self._mailbox.put(together)

    def events(self, timeout: float) -> Iterable[Event]:
        # Nobody waits for jobs that would have come by now.
        self._mailbox.put(())
        self._begin_alone()
        # The coordinator has given its word on what was said before it asks for more: nobody waits at a rung.
        for key in self._running:
            self._mailbox.go_on(key)
        if self._gone:
            gone, self._gone = self._gone, []
            return gone
        said = next(self._said) if self._running else ()
        self._running -= {event.key for event in said if isinstance(event, Ended)}
        return said

    def _begin_alone(self) -> None:
        """Lets the next of those begin that nothing may train beside, once nothing does."""
        if self._running:
            return
        self._is_alone = bool(self._waiting)
        if self._waiting:
            job = self._waiting.pop(0)
            self._running = {job.key}
            self._mailbox.put([job])

    def go_on(self, key: str) -> None:
        self._mailbox.go_on(key)

    def stop(self, key: str, reason: Stop) -> None:
        if key in self._running:
            self._mailbox.stop(key, reason)
        self._gone += [Lost(key=key, reason="it was stopped") for job in self._waiting if job.key == key]
        self._waiting = [job for job in self._waiting if job.key != key]

    def close(self) -> None:
        """Gives this process, which is not a worker's alone, its subnormal numbers back."""
        torch.set_flush_denormal(False)
