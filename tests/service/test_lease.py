"""A lease is renewed however long the sweep is silent, and lost only to those who took it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.lease import TTL, Lease, this_process
from service.records import Status
from service.store import LeaseLost, Store, lifecycle
from sweeps.errors import EnvironmentFailure

OTHER = "1@elsewhere"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path}/lrsweep.db")


@pytest.fixture
def sweep_id(store: Store) -> str:
    sweep_id = store.submit(name="x", task="y", spec={}, total_trials=1)[0].id
    store.claim(sweep_id, this_process(), TTL)
    return sweep_id


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_silent_sweep_stays_ours(store: Store, sweep_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = Clock()
    monkeypatch.setattr(lifecycle, "clock", moved)
    with Lease(store, sweep_id, every=0.01):
        for _ in range(20):
            # An epoch that is longer than a lease.
            moved.ahead += timedelta(seconds=0.8 * TTL)
            time.sleep(0.05)
            with pytest.raises(Exception, match="is being run by"):
                store.claim(sweep_id, OTHER, TTL)


class Clock:
    """The store's clock, set forwards or back."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self, session: Any) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_loses_no_lease_for_good(
    store: Store, sweep_id: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = Clock()
    monkeypatch.setattr(lifecycle, "clock", moved)
    with Lease(store, sweep_id, every=0.01) as lease:
        moved.ahead = timedelta(hours=hours)
        time.sleep(0.2)
        assert not lease.cancelled()
        with pytest.raises(Exception, match="is being run by"):
            store.claim(sweep_id, OTHER, TTL)


def test_a_cancellation_is_heard(store: Store, sweep_id: str) -> None:
    with Lease(store, sweep_id, every=0.01) as lease:
        assert not lease.cancelled()
        store.request_cancel(sweep_id)
        assert within(5, lease.cancelled)


def test_a_sweep_that_was_taken_over_is_known_to_be_lost(
    store: Store, sweep_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, changing_hands = store.renew, threading.Lock()

    def renew_before_or_after(*args: Any) -> bool:
        with changing_hands:
            return renew(*args)

    monkeypatch.setattr(store, "renew", renew_before_or_after)
    with Lease(store, sweep_id, every=0.01) as lease:
        with changing_hands:
            store.finish(sweep_id, Status.INTERRUPTED)
            store.claim(sweep_id, OTHER, TTL)

        def lost() -> bool:
            try:
                return lease.cancelled()
            except LeaseLost:
                return True

        assert within(5, lost)
        with pytest.raises(LeaseLost, match="taken over by 1@elsewhere"):
            lease.cancelled()


def test_a_store_that_is_away_for_a_while_loses_nothing(
    store: Store, sweep_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def away(*_: Any) -> bool:
        nonlocal calls
        calls += 1
        raise EnvironmentFailure("the server is away")

    with Lease(store, sweep_id, every=0.01) as lease:
        with monkeypatch.context() as gone:
            gone.setattr(store, "renew", away)
            assert within(5, lambda: calls > 3)
            assert not lease.cancelled()
        store.request_cancel(sweep_id)
        assert within(5, lease.cancelled)
