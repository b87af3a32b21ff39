"""Starts the process that writes to MLflow before its sweep is known: both then load what they need at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ahead: list[subprocess.Popen[str]] = []


def start() -> subprocess.Popen[str]:
    """A process that waits for its order on standard input, and ends when that is closed.

    It imports nothing from the current folder, where a user may have a `service` as well.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "service.tracking.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Ctrl-C in a terminal reaches a whole group; the parent says when to stop.
        process_group=0,
    )


@contextmanager
def one_ahead() -> Iterator[None]:
    """Starts one for the `take` in this block, and ends it if there was none."""
    _ahead.append(start())
    try:
        yield
    finally:
        while _ahead:
            with _ahead.pop() as child:
                child.kill()


def take() -> subprocess.Popen[str]:
    """The one that was started ahead, or a new one."""
    return _ahead.pop() if _ahead else start()
