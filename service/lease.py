"""Keeps a sweep ours while it runs, however long an epoch lasts."""

import os
import threading
from types import TracebackType
from typing import Self

from service.store import LeaseLost, Store, owner_of
from sweeps.errors import EnvironmentFailure

TTL = 15.0
"""Seconds for which a sweep stays ours without a sign of life."""
_EVERY = 1.0
"""Seconds between two signs of life, and between two looks at whether the sweep was cancelled."""


def this_process() -> str:
    """Who holds the leases that this process takes."""
    return owner_of(os.getpid())


class Lease:
    """Renews a lease that this process holds from a thread of its own, between `with` and its end.

    The store's clock says when a lease ends and the monotonic one when to renew it, so that no clock that is set can
    lose it. While the store is away it is tried again: the lease may be lost by then, which `cancelled` raises.
    """

    def __init__(self, store: Store, sweep_id: str, *, every: float = _EVERY):
        self._store, self._sweep_id, self._every = store, sweep_id, every
        self._owner = this_process()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease {sweep_id}", daemon=True)
        self._cancelled = False
        self._lost: LeaseLost | None = None

    def __enter__(self) -> Self:
        self._cancelled = self._store.renew(self._sweep_id, self._owner, TTL)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def cancelled(self) -> bool:
        """True if the sweep is to be cancelled. Raises LeaseLost if another has taken it over."""
        if self._lost is not None:
            raise self._lost
        return self._cancelled

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self._cancelled = self._store.renew(self._sweep_id, self._owner, TTL)
            except LeaseLost as error:
                self._lost = error
                return
            except EnvironmentFailure:
                continue
