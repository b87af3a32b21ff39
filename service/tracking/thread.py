"""Live tracking: a thread that keeps MLflow up to date while the sweep runs, and never in its way."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from service.home import Home
from service.store import Store
from service.tracking.links import without_password
from sweeps.errors import EnvironmentFailure, UserError

_LONGEST_PAUSE = 10.0
"""Seconds between two attempts while MLflow is away."""

_SILENCE = 30.0
"""Seconds without any answer after which MLflow is taken to hang: longer than a request and its retry may last."""


_MESSAGE = 300


class Projection(Protocol):
    """What the thread calls: `service.tracking.projection.Projector`."""

    @property
    def written(self) -> int: ...
    def sync(self) -> bool: ...
    def finish(self) -> bool: ...


class Tracking:
    """Shows one sweep in MLflow from a thread of its own, between `with` and `close`.

    Syncs begin `interval` seconds apart, or as soon as the last one is over that took longer. Nothing that goes wrong
    with MLflow reaches the caller as an exception: `trouble` says what is wrong now, and `close` what is missing at the
    end. The store has everything, so a later sync can always make up for it.
    """

    def __init__(
        self,
        store: Store,
        sweep_id: str,
        home: Home,
        *,
        interval: float = 1.0,
        make: Callable[[Store, str, Home], Projection] | None = None,
    ):
        self._store, self._sweep_id, self._home = store, sweep_id, home
        self._interval, self._make = interval, make or _projector
        self._projection: Projection | None = None
        self._stopping, self._wanted = threading.Event(), threading.Event()
        self._deadline = 0.0
        self._finished = False
        self._thread = threading.Thread(target=self._run, name=f"mlflow {sweep_id}", daemon=True)
        self.trouble: str | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(patience=0.0)

    def look(self) -> None:
        """Has the next sync begin at once: there is something that takes long to show."""
        self._wanted.set()

    def close(self, patience: float) -> str | None:
        """Ends the tracking with a last, complete sync; None if MLflow has everything, else what is wrong.

        Call it once the store says how the sweep ended. While MLflow is away it is tried again for `patience`
        seconds; a sync that makes progress may take longer, one that hangs is left behind.
        """
        if not self._stopping.is_set():
            self._deadline = time.monotonic() + patience
            self._stopping.set()
            self._wanted.set()
            self._wait()
        if self._finished:
            return None
        return self.trouble or f"MLflow at {without_password(self._home.tracking_uri)} does not answer"

    def _wait(self) -> None:
        written, answered = -1, time.monotonic()
        while self._thread.is_alive():
            self._thread.join(0.1)
            now = time.monotonic()
            if self._written != written:
                written, answered = self._written, now
            if now > self._deadline and now - answered > _SILENCE:
                return

    @property
    def _written(self) -> int:
        return self._projection.written if self._projection else 0

    def _run(self) -> None:
        pause = 0.0
        while not self._is_over_after(pause):
            began = time.monotonic()
            if self._attempt(lambda projection: projection.sync()):
                pause = max(0.0, self._interval - (time.monotonic() - began))
            else:
                pause = min(_LONGEST_PAUSE, 2 * max(pause, self._interval))
        while not self._attempt(lambda projection: projection.finish()):
            left = self._deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(1.0, left))
        self._finished = True

    def _is_over_after(self, pause: float) -> bool:
        """True if there will be no further sync; waits so many seconds for that, less if one is wanted."""
        self._wanted.wait(pause)
        self._wanted.clear()
        return self._stopping.is_set()

    def _attempt(self, step: Callable[[Projection], bool]) -> bool:
        """Makes one step; False, with the trouble kept, whatever went wrong: the sweep must not end for it."""
        try:
            if self._projection is None:
                self._projection = self._make(self._store, self._sweep_id, self._home)
            step(self._projection)
        except Exception as error:
            self.trouble = _in_a_line(error, without_password(self._home.tracking_uri))
            return False
        self.trouble = None
        return True


def _projector(store: Store, sweep_id: str, home: Home) -> Projection:
    # Here, on the thread: mlflow takes seconds to import, in which the sweep can already train.
    from service.tracking.projection import Projector

    return Projector(store, sweep_id, home)


def _in_a_line(error: Exception, uri: str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, UserError | EnvironmentFailure):
        return " ".join(lines)
    # Of a database's or a server's errors only the first line is for people.
    reason = lines[0] if lines else type(error).__name__
    return f"MLflow at {uri}: {reason if len(reason) <= _MESSAGE else reason[: _MESSAGE - 1] + '…'}"
