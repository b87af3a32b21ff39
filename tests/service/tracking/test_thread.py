"""The thread keeps MLflow's troubles to itself, and ends in time."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from service.home import Home
from service.store import Store
from service.tracking import thread
from service.tracking.thread import Tracking
from sweeps.errors import UserError
from sweeps.records import Outcome
from tests.service.mlflow_server import home_in
from tests.service.tracking.conftest import Look, Sweep


class Scripted:
    """A projection that does as told."""

    def __init__(self, sync: Callable[[], None] = lambda: None, finish: Callable[[], None] = lambda: None):
        self.written, self.synced, self.finished = 0, threading.Event(), False
        self._sync, self._finish = sync, finish

    def sync(self) -> bool:
        self._sync()
        self.written += 1
        self.synced.set()
        return True

    def finish(self) -> bool:
        self._finish()
        self.finished = True
        return True

    def tracking(self, store: Store, home: Home, interval: float = 0.01) -> Tracking:
        return Tracking(store, "s1", home, interval=interval, make=lambda *_: self)


def fail(message: str = "connection refused\nand a long explanation") -> None:
    raise ConnectionError(message)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_in(tmp_path, "http://ann:secret@mlflow.test:5000")


def test_syncs_until_closed_then_finishes(store: Store, home: Home) -> None:
    scripted = Scripted()
    with scripted.tracking(store, home) as tracking:
        wait_for(lambda: scripted.written > 3)
        assert not scripted.finished
        assert tracking.close(patience=5) is None
    assert scripted.finished
    assert tracking.trouble is None


def test_looks_at_once_when_asked_to(store: Store, home: Home) -> None:
    scripted = Scripted()
    with scripted.tracking(store, home, interval=3600) as tracking:
        for written in (1, 2, 3):
            wait_for(lambda written=written: scripted.written == written)
            tracking.look()
        wait_for(lambda: scripted.written == 4)
        assert tracking.close(patience=5) is None


def test_a_sync_that_took_longer_than_the_interval_is_followed_by_the_next(
    store: Store, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float | None] = []
    took = iter([0.0, 1.0, 0.0, 7.0, 0.0])

    class Noting(threading.Event):
        """Takes note of how long it is to be waited for, and does not wait."""

        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout)
            return super().wait(0)

    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()

    def sync() -> None:
        clock.now += next(took, 0.0)

    monkeypatch.setattr(thread, "time", clock)
    tracking = Scripted(sync=sync).tracking(store, home, interval=4.0)
    monkeypatch.setattr(tracking, "_wanted", Noting())
    with tracking:
        wait_for(lambda: len(pauses) >= 6)
    assert pauses[:6] == [0.0, 4.0, 3.0, 4.0, 0.0, 4.0]


def test_trouble_is_told_without_the_password_and_passes(store: Store, home: Home) -> None:
    ill = threading.Event()
    ill.set()
    scripted = Scripted(sync=lambda: fail() if ill.is_set() else None)
    with scripted.tracking(store, home) as tracking:
        wait_for(lambda: tracking.trouble)
        assert tracking.trouble == "MLflow at http://mlflow.test:5000: connection refused"
        ill.clear()
        wait_for(lambda: tracking.trouble is None)
        assert tracking.close(patience=0) is None


def test_waits_longer_from_failure_to_failure(store: Store, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Noting(threading.Event):
        """Takes note of how long it is to be waited for, and does not wait."""

        pauses: ClassVar[list[float | None]] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.pauses.append(timeout)
            return super().wait(0)

    monkeypatch.setattr(thread, "_LONGEST_PAUSE", 8.0)
    tracking = Scripted(sync=fail).tracking(store, home, interval=1.0)
    monkeypatch.setattr(tracking, "_wanted", Noting())
    with tracking:
        wait_for(lambda: len(Noting.pauses) >= 6)
    assert Noting.pauses[:6] == [0.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_close_tries_for_as_long_as_it_has_patience(store: Store, home: Home) -> None:
    failures = iter([fail, fail])
    scripted = Scripted(finish=lambda: next(failures, lambda: None)())
    with scripted.tracking(store, home) as tracking:
        assert tracking.close(patience=30) is None
    assert scripted.finished


class Clock:
    """Stands in for the module `time`: nothing but its own sleep takes time."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def test_close_says_what_is_wrong_once_patience_is_over(
    store: Store, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tries = Clock(), []
    monkeypatch.setattr(thread, "time", clock)

    def finish() -> None:
        tries.append(clock.monotonic())
        fail()

    with Scripted(sync=fail, finish=finish).tracking(store, home) as tracking:
        message = tracking.close(patience=3.5)
        assert message == tracking.close(patience=3.5)
    assert message == "MLflow at http://mlflow.test:5000: connection refused"
    assert tries == [0.0, 1.0, 2.0, 3.0, 3.5]


def test_a_finish_that_makes_progress_is_waited_for(store: Store, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "_SILENCE", 0.3)

    def slow() -> None:
        for _ in range(6):
            time.sleep(0.15)
            scripted.written += 1

    scripted = Scripted(finish=slow)
    with scripted.tracking(store, home) as tracking:
        assert tracking.close(patience=0) is None


def test_a_call_that_hangs_is_left_behind(store: Store, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "_SILENCE", 0.2)
    release = threading.Event()
    scripted = Scripted(sync=lambda: release.wait() and None)
    with scripted.tracking(store, home) as tracking:
        message = tracking.close(patience=0.1)
    assert message == "MLflow at http://mlflow.test:5000 does not answer"
    assert not scripted.synced.is_set(), "the call hangs still"
    release.set()


def test_a_sweep_does_not_wait_for_a_call_that_hangs(sweep: Sweep, home: Home) -> None:
    release, called = threading.Event(), threading.Event()

    def hang() -> None:
        called.set()
        release.wait()

    scripted = Scripted(sync=hang)
    with scripted.tracking(sweep.store, home):
        assert called.wait(60)
        sweep.train(0)
        sweep.finish()
        assert not scripted.synced.is_set(), "the call hangs still"
        release.set()
    assert [trial.outcome for trial in sweep.store.trials(sweep.id)] == [Outcome.COMPLETE]


def test_a_users_mistake_is_told_whole(store: Store, home: Home) -> None:
    def bad() -> None:
        raise UserError("2 mistakes in the spec:\n  one\n  two")

    with Scripted(sync=bad, finish=bad).tracking(store, home) as tracking:
        assert tracking.close(patience=0) == "2 mistakes in the spec: one two"


def test_leaving_without_close_ends_the_thread(store: Store, home: Home) -> None:
    scripted = Scripted()
    with pytest.raises(ZeroDivisionError), scripted.tracking(store, home):
        raise ZeroDivisionError
    assert scripted.finished


def test_follows_a_sweep_into_an_embedded_mlflow(sweep: Sweep, tmp_path: Path) -> None:
    """From nothing: the folder of MLflow's database is made, too."""
    home = home_in(tmp_path / "new")
    with Tracking(sweep.store, sweep.id, home, interval=0.05) as tracking:
        sweep.train(0)
        wait_for(lambda: sweep.store.trials(sweep.id)[0].mlflow_run_id)
        sweep.train(1)
        sweep.finish()
        assert tracking.close(patience=0) is None
    runs = Look(home, sweep).runs()
    assert {key: run.status for key, run in runs.items()} == dict.fromkeys(("sweep", "trial 0", "trial 1"), "FINISHED")
    assert (home.artifacts / runs["sweep"].id).is_dir()
