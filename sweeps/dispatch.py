"""Jobs that wait for room on a runner, and what it says of those that found some."""

from collections.abc import Callable, Iterable, Iterator

from sweeps.finding import Finding, noticed
from sweeps.ports import Runner
from sweeps.records import Event, Job, Notice


class Dispatch:
    """Hands jobs to a runner as it has room, first come, first served; what the runner notices becomes a warning."""

    def __init__(self, runner: Runner, warn: Callable[[Finding], None]):
        self._runner, self._warn = runner, warn
        self._queue: list[Job] = []

    def add(self, jobs: Iterable[Job]) -> None:
        """Queues jobs."""
        self._queue += jobs

    def events(self, tick: float) -> Iterator[Event]:
        """Submits what there is room for, then waits at most `tick` seconds for what its jobs have to say."""
        if new := self._queue[: self._runner.room()]:
            del self._queue[: len(new)]
            self._runner.submit(new)
        for event in self._runner.events(tick):
            if isinstance(event, Notice):
                self._warn(noticed(event.text))
            else:
                yield event
