"""The thread keeps MLflow's troubles to itself, and ends in time."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from service.home import Home
from service.store import Store
from service.tracking import thread
from service.tracking.thread import Tracking
from sweeps.errors import UserError
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
    deadline = time.monotonic() + 10
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
    times: list[float] = []

    def sync() -> None:
        times.append(time.monotonic())
        fail()

    monkeypatch.setattr(thread, "_LONGEST_PAUSE", 0.08)
    with Scripted(sync=sync).tracking(store, home, interval=0.01):
        wait_for(lambda: len(times) >= 6)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] >= 0.02
    assert all(pause >= 0.08 for pause in pauses[2:])


def test_close_tries_for_as_long_as_it_has_patience(store: Store, home: Home) -> None:
    failures = iter([fail, fail])
    scripted = Scripted(finish=lambda: next(failures, lambda: None)())
    with scripted.tracking(store, home) as tracking:
        assert tracking.close(patience=30) is None
    assert scripted.finished


def test_close_says_what_is_wrong_once_patience_is_over(store: Store, home: Home) -> None:
    began = time.monotonic()
    with Scripted(sync=fail, finish=fail).tracking(store, home) as tracking:
        message = tracking.close(patience=0.5)
        assert message == tracking.close(patience=0.5)
    assert message == "MLflow at http://mlflow.test:5000: connection refused"
    assert 0.5 <= time.monotonic() - began < 5


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
    began = time.monotonic()
    with Scripted(sync=lambda: wait_for(release.is_set)).tracking(store, home) as tracking:
        message = tracking.close(patience=0.1)
    assert message == "MLflow at http://mlflow.test:5000 does not answer"
    assert time.monotonic() - began < 5
    release.set()


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
