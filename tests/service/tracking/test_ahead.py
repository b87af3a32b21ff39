"""A writer to MLflow that is started ahead is taken once, and never left behind."""

import os
from pathlib import Path

from service.tracking.ahead import one_ahead, take


def test_it_is_taken_once() -> None:
    with one_ahead():
        first, second = take(), take()
    assert first.pid != second.pid
    for child in (first, second):
        child.communicate()
        assert child.returncode == 0


def test_what_nobody_took_is_ended() -> None:
    before = children()
    with one_ahead():
        started = children() - before
    assert started
    assert not started & children()


def children() -> set[str]:
    """The processes that this one has started and not yet waited for."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
