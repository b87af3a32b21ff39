"""Coordinators without training: they compete for what waits and record trials at the speed of a small cluster."""

import threading
import time
from dataclasses import dataclass, field

from benchmarks.load.filling import LANES, Costs, record_trials
from service.records import Status
from service.store import Store

EPOCHS = 3
_TTL = 60.0


@dataclass(slots=True)
class Coordinators:
    """Threads with a store of their own; `taken` lists the sweeps that they took, in order."""

    url: str
    pause: float
    """Seconds between two sweeps of one thread."""
    taken: list[str] = field(default_factory=list)
    costs: Costs = field(default_factory=Costs)
    errors: list[BaseException] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int) -> None:
        """Starts so many."""
        self._threads = [threading.Thread(target=self._run, args=(f"{name}@load",)) for name in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Waits until each has finished its sweep."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, owner: str) -> None:
        try:
            with Store.open(self.url) as store:
                while not self._over.is_set():
                    _, waiting = store.unattended()
                    mine = next((each.id for each in waiting if store.take(each.id, owner, _TTL)), None)
                    if mine is not None:
                        self.taken.append(mine)
                        self._conduct(store, mine, owner)
                    time.sleep(self.pause)
        except BaseException as error:
            self.errors.append(error)

    def _conduct(self, store: Store, sweep_id: str, owner: str) -> None:
        record_trials(store.recorder(sweep_id, owner), range(LANES), EPOCHS, self.costs)
        store.finish(sweep_id, Status.DONE, owner=owner)
