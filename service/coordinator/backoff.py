"""Leaves a sweep alone for a while whose process did not last: longer each time."""

from collections.abc import Callable
from dataclasses import dataclass, field

_FIRST, _LONGEST = 1.0, 30.0
"""Seconds that a sweep is left alone: at first, and at most."""
_LASTED = 60.0
"""Seconds after which a process counts as one that lasted."""


@dataclass(slots=True)
class Backoff:
    """When each sweep may be tried again, by a clock that only goes forwards."""

    clock: Callable[[], float]
    _until: dict[str, tuple[float, float]] = field(default_factory=dict)

    def failed(self, sweep_id: str, *, after: float) -> None:
        """Notes that a sweep's process ended before its time, `after` so many seconds."""
        _, before = self._until.get(sweep_id, (0.0, 0.0))
        pause = _FIRST if after >= _LASTED or not before else min(_LONGEST, 2 * before)
        self._until[sweep_id] = (self.clock() + pause, pause)

    def holds(self, sweep_id: str) -> bool:
        """True if it is too early to try a sweep again."""
        until, _ = self._until.get(sweep_id, (0.0, 0.0))
        return self.clock() < until
