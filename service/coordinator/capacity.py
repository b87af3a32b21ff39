"""How much there is to train on: this machine, or a Ray cluster, which another process asks: Ray is not loaded here."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

from service.coordinator.log import say
from service.coordinator.needs import Needs, this_machine

_FRESH = 15.0
"""Seconds for which an answer counts."""
_PATIENCE = 60.0
"""Seconds within which a cluster must have answered."""

Capacity = Callable[[], Needs | None]
"""What there is in all; None as long as nobody knows."""


class Cluster:
    """A Ray cluster's processors and GPUs, asked anew every quarter of a minute, in the background."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic):
        self._command = [sys.executable, "-P", "-m", "workers.clustersize", address]
        self._clock = clock
        self._asking: subprocess.Popen[str] | None = None
        self._asked: float | None = None
        self._known: Needs | None = None
        self._said = ""

    def __call__(self) -> Needs | None:
        if self._asking is not None:
            self._hear(self._asking)
        elif self._asked is None or self._clock() - self._asked > _FRESH:
            self._asked = self._clock()
            self._asking = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        return self._known

    def _hear(self, asking: subprocess.Popen[str]) -> None:
        assert self._asked is not None
        if asking.poll() is None and self._clock() - self._asked > _PATIENCE:
            asking.kill()
        elif asking.poll() is not None:
            answer, _ = asking.communicate()
            self._known = Needs(**json.loads(answer)) if asking.returncode == 0 else None
            self._asking = None
            # Without an answer nothing starts: whoever wonders why must be able to read it.
            has = str(self._known or _in_a_line(answer) or "no answer")
            if has != self._said:
                say("cluster", has=has)
                self._said = has


def _in_a_line(text: str) -> str:
    return " ".join(text.split())


def capacity_at(address: str | None) -> Capacity:
    """What asks the cluster at an address, or this machine."""
    return Cluster(address) if address else this_machine
