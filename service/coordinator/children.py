"""A coordinator's child processes: how they are started, spoken to, ended, and what their end means."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from service.coordinator.order import TRY_LATER, Order
from service.store import owner_of


class Child(Protocol):
    """A process that waits for its order."""

    @property
    def owner(self) -> str:
        """Who it is in leases."""

    def order(self, order: Order) -> None:
        """Sets it to work."""

    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""

    def stop(self) -> None:
        """Asks it to stop within an epoch."""

    def kill(self) -> None:
        """Ends it, and whatever it has started that is left."""


class ChildProcess:
    """A Child: `python -P -m service.coordinator.child`, in a session of its own.

    With -P the folder that it starts in, which may hold a `service` of the user's, is no place to import from.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service.coordinator.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    @property
    def owner(self) -> str:
        return owner_of(self._process.pid)

    def order(self, order: Order) -> None:
        assert self._process.stdin is not None
        # If it has died already, `code` says so.
        with suppress(BrokenPipeError):
            print(order.write(), file=self._process.stdin, flush=True)

    def code(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        kill_session(self._process.pid)
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()


def kill_session(leader: int) -> None:
    """Kills what a session's leader has started, and then it: Ray gives its workers process groups of their own."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # Whoever has ended meanwhile is gone.
        with suppress(OSError):
            session = stat.read_text().rpartition(")")[2].split()[3]
            if int(session) == leader != int(stat.parent.name):
                os.kill(int(stat.parent.name), signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def death(code: int) -> str | None:
    """How a process died that has not ended its sweep; None if it was told to stop, or can be tried again.

    >>> death(-9), death(3), death(TRY_LATER)
    ('it was killed by SIGKILL (out of memory?)', 'it exited with code 3', None)
    """
    # Ray, while it starts, turns SIGTERM into an exit code.
    if code in (TRY_LATER, -signal.SIGTERM, signal.SIGTERM):
        return None
    if code >= 0:
        return f"it exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was killed by {name}{' (out of memory?)' if code == -signal.SIGKILL else ''}"
