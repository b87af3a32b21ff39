"""The coordinator process: steps its supervisor until it is told to stop."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from service.coordinator.log import say, start_logging
from service.coordinator.supervisor import Supervisor
from sweeps.errors import EnvironmentFailure

_TICK = 0.5
"""Seconds between two looks at what waits and what has ended."""


def serve(supervisor: Supervisor, *, once: bool, grace: float) -> None:
    """Runs until SIGTERM or Ctrl-C, or with `once` until nothing waits and nothing runs, here or elsewhere.

    Children that do not stop within `grace` seconds are killed. A store that is away is waited for.
    """
    start_logging()
    with _stopping() as stopping:
        away = False
        say("started")
        while not stopping.is_set():
            try:
                more = supervisor.step()
            except EnvironmentFailure as error:
                if not away:
                    say("store_away", reason=error, level=logging.WARNING)
                more = away = True
            else:
                if away:
                    say("store_back")
                away = False
            if once and not more:
                break
            stopping.wait(_TICK)
        say("stopping")
        # A store that is away needs no word: the leases run out.
        with suppress(EnvironmentFailure):
            supervisor.stop(grace)
        say("stopped")


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C leaves at once."""
    stopping = threading.Event()

    def hear(number: int, frame: FrameType | None) -> None:
        if stopping.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
