"""Whenever a coordinator is killed, another owns its sweep within the half minute that docs/operations.md promises."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from benchmarks.chaos.processes import command_of, descendants, kill
from benchmarks.chaos.takeovers import owned_below, owners
from service.store import Store
from tests.service.coordinator.live import coordinator, submit, wait_for

_PROMISED = 30.0
"""Seconds from the kill to the moment at which another owns the sweep."""


@pytest.fixture
def store(here: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        yield store


def machine(here: Path, name: str) -> dict[str, str]:
    """The environment of processes that take themselves for a machine of this name, and everybody else for far away."""
    folder = here / name
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import socket\n\nsocket.gethostname = lambda: {name!r}\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))}


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["starts", "trains"])
@pytest.mark.parametrize("dies", ["coordinator", "coordinator and child", "machine"])
def test_a_sweep_whose_coordinator_is_killed_is_anothers_within_half_a_minute(
    store: Store, here: Path, phase: Literal["starts", "trains"], dies: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # One machine sees at once that another's process is gone; of another machine only the lease tells.
    names = ("one", "two") if dies == "machine" else ("here", "here")
    places = {name: machine(here, name) for name in dict.fromkeys(names)}
    with coordinator(here, **places[names[0]]) as first, coordinator(here, **places[names[1]]) as second:
        sweep_id = submit(store, here, task={"pause": 0.05}, budget={"epochs": 100})
        wait_for(lambda: sweep_id in owners(store) and (phase == "starts" or len(store.reports(sweep_id)) >= 2))
        before = owners(store)[sweep_id]
        holder, other = (first, second) if sweep_id in owned_below(store, first.pid) else (second, first)
        struck = time.monotonic()
        strike(holder, with_children=dies != "coordinator")
        assert (len(store.reports(sweep_id)) > 0) == (phase == "trains")
        wait_for(lambda: owners(store).get(sweep_id, before) != before, seconds=_PROMISED)
        took = time.monotonic() - struck
        assert sweep_id in owned_below(store, other.pid)
        other.terminate()
        other.communicate(timeout=60)
    with capsys.disabled():
        print(f"\n{dies} killed while the sweep {phase}: another's after {took:.1f} s")


def strike(holder: subprocess.Popen[str], *, with_children: bool) -> None:
    """SIGKILL, the coordinator first: it must not live to see its children die."""
    children = descendants(holder.pid) if with_children else []
    for pid in [holder.pid, *children]:
        kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(command_of(pid) for pid in children))
