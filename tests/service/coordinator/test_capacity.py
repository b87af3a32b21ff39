"""A cluster is asked by another process, again and again; whoever wonders why nothing starts can read it in the log."""

import logging
import sys
import time
from collections.abc import Callable

import pytest

from service.coordinator.capacity import Cluster, capacity_at
from service.coordinator.needs import Needs, this_machine


class Asked:
    """A cluster that says what a test wants, and what the log says of it."""

    def __init__(self, caplog: pytest.LogCaptureFixture):
        self.now, self._caplog = 0.0, caplog
        self._cluster = Cluster("somewhere:6379", clock=lambda: self.now)

    def says(self, code: str) -> Needs | None:
        """What is known once another process has run this code."""
        self._cluster._command = [sys.executable, "-c", code]
        self.now += 16
        self._cluster()
        self.wait(lambda: self._cluster._asking is None)
        return self._cluster()

    def hangs(self) -> None:
        """Nobody answers for longer than is waited for."""
        self._cluster._command = [sys.executable, "-c", "import time; time.sleep(600)"]
        self._cluster()
        self.now += 61
        self.wait(lambda: self._cluster._asking is None)

    def wait(self, over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not over():
            self._cluster()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def log(self) -> list[str]:
        return [record.getMessage() for record in self._caplog.records]


ANSWERS = """print('{"cpus": 4.0, "gpus": 0.5}')"""
REFUSES = """print('no Ray cluster could be joined:\\nnobody listens'); raise SystemExit(1)"""


def test_what_a_cluster_has_and_why_there_is_none_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lrsweep.coordinator")
    logging.getLogger("lrsweep.coordinator").propagate = True
    asked = Asked(caplog)
    refused = 'event=cluster has="no Ray cluster could be joined: nobody listens"'
    assert [asked.says(code) for code in (REFUSES, REFUSES)] == [None, None]
    assert asked.log == [refused]
    assert [asked.says(code) for code in (ANSWERS, ANSWERS)] == [Needs(cpus=4.0, gpus=0.5)] * 2
    assert [asked.says(code) for code in ("raise SystemExit(7)", REFUSES)] == [None, None]
    assert asked.log == [refused, 'event=cluster has="4 CPU, 0.5 GPU"', 'event=cluster has="no answer"', refused]


def test_one_that_hangs_is_asked_anew(caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(caplog)
    asked.hangs()
    assert asked.says(ANSWERS) == Needs(cpus=4.0, gpus=0.5)


@pytest.mark.parametrize(("address", "kind"), [(None, type(this_machine)), ("a:1", Cluster)])
def test_without_an_address_it_is_this_machine(address: str | None, kind: type[Callable[[], Needs | None]]) -> None:
    assert isinstance(capacity_at(address), kind)
