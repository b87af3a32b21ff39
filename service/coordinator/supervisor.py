"""Takes the sweeps whose turn it is, gives each a process of its own, and looks after those processes."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from service.coordinator.backoff import Backoff
from service.coordinator.capacity import Capacity
from service.coordinator.children import Child, ChildProcess, death
from service.coordinator.log import say
from service.coordinator.needs import Needs, needs_of
from service.coordinator.order import Order
from service.home import Home
from service.lease import TTL
from service.place import RunnerKind
from service.records import Unattended
from service.store import LeaseLost, Store

_STARTING = 120.0
"""Seconds within which a child must have begun to renew the lease of its sweep by itself."""
_ENDING = 300.0
"""Seconds that a child may live on whose sweep runs no more: workers end, and MLflow is told the rest."""


@dataclass(slots=True, kw_only=True)
class _Working:
    """A child at work."""

    child: Child
    sweep_id: str
    needs: Needs
    shows: bool
    began: float
    ran: float
    """When its sweep was last seen running."""


@dataclass(slots=True)
class _Spare:
    """Starts children, one ahead at most: one that came too late for a sweep takes the next."""

    start: Callable[[], Child]
    child: Child | None = None

    def get(self) -> Child:
        if self.child is None or self.child.code() is not None:
            self.child = self.start()
        return self.child

    def use(self) -> None:
        self.child = None

    def end(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child = None


@dataclass(slots=True)
class _Said:
    """What was said of each sweep that cannot start, so that it is said once."""

    of: dict[str, str] = field(default_factory=dict)

    def once(self, sweep_id: str, reason: str) -> None:
        if self.of.get(sweep_id) != reason:
            self.of[sweep_id] = reason
            say("waits", sweep=sweep_id, reason=reason)


class Supervisor:
    """One coordinator process's sweeps. `step` does what there is to do now, and never waits.

    It runs at most `most` sweeps at once, within what `capacity` says there is. Raises EnvironmentFailure while the
    store is away; the sweeps that run are not concerned, and the next step takes up where it was.
    """

    def __init__(
        self,
        store: Store,
        home: Home,
        *,
        most: int,
        runner: RunnerKind = "auto",
        address: str | None = None,
        capacity: Capacity,
        start: Callable[[], Child] = ChildProcess,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._store, self._home = store, home
        self._runner, self._address = runner, address
        self._most, self._capacity, self._clock = most, capacity, clock
        self._working: list[_Working] = []
        self._spare = _Spare(start)
        self._backoff = Backoff(clock)
        self._said = _Said()
        self._needs: dict[str, Needs] = {}

    def step(self) -> bool:
        """Settles what has ended and starts what may; False if no sweep waits or runs, here or with other coordinators.

        Another's sweep may be given back at any moment, or its process die.
        """
        self._reap()
        self._renew()
        running, waiting = self._store.unattended()
        self._end_idle({sweep.id for sweep in running})
        self._fill(running, waiting)
        unshown = self._show()
        if not waiting and not unshown:
            self._spare.end()
        return bool(waiting or running or unshown or self._working)

    def stop(self, grace: float, wait: Callable[[float], None] = time.sleep) -> None:
        """Has all children stop within an epoch, kills those that don't within `grace` seconds; gives sweeps back."""
        self._spare.end()
        for each in self._working:
            each.child.stop()
        deadline = self._clock() + grace
        while any(each.child.code() is None for each in self._working) and self._clock() < deadline:
            wait(0.05)
        late = [each for each in self._working if each.child.code() is None]
        for each in late:
            _kill(each, f"it did not stop within {grace:g} s")
        for each in late:
            self._store.left(each.sweep_id, each.child.owner, None)
        self._reap()

    def _reap(self) -> None:
        for each in list(self._working):
            code = each.child.code()
            if code is None:
                continue
            how = death(code)
            # The store first: if it is away, the child is still here to be settled next time.
            self._store.left(each.sweep_id, each.child.owner, how)
            each.child.kill()
            self._working.remove(each)
            if code:
                self._backoff.failed(each.sweep_id, after=self._clock() - each.began)
            say("process_ended", sweep=each.sweep_id, code=code, seconds=round(self._clock() - each.began, 1))

    def _renew(self) -> None:
        """Renews the leases of children that start: on a busy machine that takes longer than a lease lasts."""
        for each in self._working:
            if self._clock() - each.began < _STARTING:
                # The child will notice by itself, or has given it back.
                with suppress(LeaseLost):
                    self._store.renew(each.sweep_id, each.child.owner, TTL)

    def _end_idle(self, running: Collection[str]) -> None:
        """Kills children that cannot come to an end: they would take room for ever."""
        for each in self._working:
            if each.shows or each.sweep_id in running:
                each.ran = self._clock()
            elif self._clock() - each.ran > _ENDING:
                _kill(each, f"its sweep runs no more, and it did not end within {_ENDING:g} s")

    def _fill(self, running: Sequence[Unattended], waiting: Sequence[Unattended]) -> None:
        """Starts whose turn it is and for whom there is room."""
        total = self._capacity()
        mine = [each.needs for each in self._working]
        # On a cluster the sweeps of other coordinators take their share as well.
        taken = mine if self._address is None else [self._needs_of(sweep) for sweep in running]
        for sweep in waiting:
            if sum(not each.shows for each in self._working) >= self._most or total is None:
                break
            needs = self._needs_of(sweep)
            if self._backoff.holds(sweep.id):
                continue
            if not needs.fit(total):
                self._said.once(sweep.id, f"it needs {needs}; there is {total}")
                continue
            if not needs.fit(total.less(taken)):
                # Its turn: smaller ones behind it must not keep it from ever starting.
                break
            if self._start(sweep.id, needs, user=sweep.submitted_by):
                taken = [*taken, needs]

    def _start(self, sweep_id: str, needs: Needs, *, user: str) -> bool:
        child = self._spare.get()
        if not self._store.take(sweep_id, child.owner, TTL):
            return False
        self._order(child, sweep_id, "train", needs)
        say("took", sweep=sweep_id, user=user or None, needs=needs, owner=child.owner)
        return True

    def _show(self) -> bool:
        """Starts one re-sync at a time; True if some are due."""
        ids = [sweep_id for sweep_id in self._store.unshown() if not self._backoff.holds(sweep_id)]
        if ids and not any(each.shows for each in self._working):
            child = self._spare.get()
            if self._store.take_to_show(ids[0], child.owner, TTL):
                self._order(child, ids[0], "show", Needs(cpus=0.0))
        return bool(ids)

    def _order(self, child: Child, sweep_id: str, work: Literal["train", "show"], needs: Needs) -> None:
        self._spare.use()
        child.order(Order(sweep_id=sweep_id, work=work, home=self._home, runner=self._runner, address=self._address))
        now = self._clock()
        self._working.append(
            _Working(child=child, sweep_id=sweep_id, needs=needs, shows=work == "show", began=now, ran=now)
        )

    def _needs_of(self, sweep: Unattended) -> Needs:
        if sweep.id not in self._needs:
            self._needs[sweep.id] = needs_of(sweep.spec)
        return self._needs[sweep.id]


def _kill(each: _Working, reason: str) -> None:
    say("killed", sweep=each.sweep_id, reason=reason, level=logging.WARNING)
    each.child.kill()
