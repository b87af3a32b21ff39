"""How long it takes until a sweep whose coordinator was killed is another's, by the store."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import select

from benchmarks.chaos.processes import descendants
from service.records import Status
from service.store import Store
from service.store.tables import SweepRow
from sweeps.errors import EnvironmentFailure


def owners(store: Store) -> dict[str, str]:
    """Who runs each sweep that is being run, as `pid@host`."""
    running = select(SweepRow.id, SweepRow.owner).where(SweepRow.status == Status.RUNNING, SweepRow.owner.is_not(None))
    with store.read() as session:
        return {sweep_id: owner for sweep_id, owner in session.execute(running) if owner}


def owned_below(store: Store, coordinator: int) -> dict[str, str]:
    """The sweeps that children of a process run, and which child each."""
    below = {str(pid) for pid in descendants(coordinator)}
    return {sweep_id: owner for sweep_id, owner in owners(store).items() if owner.partition("@")[0] in below}


@dataclass(slots=True)
class Takeovers:
    """The seconds from each kill of a coordinator to the moment at which another owns a sweep of its."""

    store: Store
    clock: Callable[[], float] = time.monotonic
    seconds: list[float] = field(default_factory=list)
    _orphans: dict[str, tuple[str, float]] = field(default_factory=dict)

    def orphaned(self, lost: dict[str, str]) -> None:
        """Waits from now on for others to own these sweeps; one that is waited for already has waited since then."""
        now = self.clock()
        self._orphans = {sweep_id: (owner, now) for sweep_id, owner in lost.items()} | self._orphans

    def look(self) -> None:
        """Notes what has been taken over by now; what ended under its old owner need not be."""
        if not self._orphans:
            return
        with suppress(EnvironmentFailure):
            now_owned = owners(self.store)
            for sweep_id, (before, since) in list(self._orphans.items()):
                if now_owned.get(sweep_id, before) != before:
                    self.seconds.append(self.clock() - since)
                elif not self.store.sweep(sweep_id).status.ended:
                    continue
                del self._orphans[sweep_id]
