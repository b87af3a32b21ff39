"""One look into the store twice a second for all streams, which hear of it when their sweep has changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool

from service.api.moment import Moment
from service.records import Pulse
from service.store import Store
from sweeps.errors import EnvironmentFailure


@dataclass(slots=True)
class Watched:
    """A sweep that somebody follows."""

    now: Moment
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set when `now` is past; take it before you ask `now`, and nothing is missed."""
    lost: bool = False
    """Whether nobody looks any longer: the store is away."""
    followers: int = 0

    def ring(self) -> None:
        """Wakes those who wait, of whom the next wait for the next time."""
        past, self.bell = self.bell, asyncio.Event()
        past.set()


class Watch:
    """Looks while anybody follows. All of it runs in one event loop."""

    def __init__(self, store: Store, seconds: float):
        self._store, self._seconds = store, seconds
        self.turns = CapacityLimiter(1)
        """Streams read the store one by one: all hear of news in one moment, and must not crowd out requests."""
        self._watched: dict[str, Watched] = {}
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def following(self, pulse: Pulse) -> AsyncIterator[Watched]:
        """The sweep that had this pulse just now, watched until the block ends."""
        watched = self._watched.setdefault(pulse.id, Watched(Moment(self._store, pulse)))
        watched.followers += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield watched
        finally:
            watched.followers -= 1
            if not watched.followers and self._watched.get(pulse.id) is watched:
                del self._watched[pulse.id]

    async def _look(self) -> None:
        try:
            with suppress(EnvironmentFailure):
                while self._watched:
                    pulses = await run_in_threadpool(self._store.pulses, tuple(self._watched))
                    for sweep_id, pulse in pulses.items():
                        watched = self._watched.get(sweep_id)
                        if watched is not None and pulse != watched.now.pulse:
                            watched.now = Moment(self._store, pulse)
                            watched.ring()
                    await asyncio.sleep(self._seconds)
        finally:
            left, self._watched = self._watched, {}
            for watched in left.values():
                watched.lost = True
                watched.ring()
