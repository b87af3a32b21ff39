"""A full disk is told clearly, loses nothing, and is over once there is space again."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from service.store import Store
from sweeps.errors import EnvironmentFailure


def fill(store: Store, make) -> tuple[str, int]:
    """Records epochs until the disk is full; returns the sweep and how many were taken in."""
    sweep_id = store.create_sweep(name="x", task="y", spec={}, total_trials=1)
    recorder = store.recorder(sweep_id)
    recorder.proposed(make.proposal(0))
    noise = random.Random(0)
    for epoch in range(1, 1000):
        losses = tuple(noise.random() for _ in range(1000))
        try:
            recorder.reported([(0, make.report(epoch, step=1000 * epoch, step_losses=losses), 0.5)])
        except EnvironmentFailure as error:
            message = str(error)
            break
    else:
        raise AssertionError("the disk never filled up")
    assert "could not be written: the disk is full. What was recorded before is kept: free some space" in message
    return sweep_id, epoch - 1


def check(store: Store, sweep_id: str, epochs: int) -> None:
    assert epochs > 0
    assert [report.epoch for report in store.reports(sweep_id)] == list(range(1, epochs + 1))
    assert store.trial(sweep_id, 0).epochs == epochs
    assert len(store.curve(sweep_id, 0).steps) == 1000 * epochs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], stderr=subprocess.DEVNULL
    )
    if not mounted:
        pytest.skip("only root can mount a small disk; a limit on the file's pages is tested instead")
    yield disk
    subprocess.check_call(["umount", disk])


def test_a_full_disk_keeps_what_was_recorded(small_disk: Path, make) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(200_000))
    with Store.open(f"sqlite:///{small_disk}/lrsweep.db") as store:
        sweep_id, epochs = fill(store, make)
        check(store, sweep_id, epochs)
        ballast.unlink()
        store.recorder(sweep_id).reported([(0, make.report(epochs + 1, step_losses=(0.5,) * 1000), 0.5)])
        check(store, sweep_id, epochs + 1)
    with Store.open(f"sqlite:///{small_disk}/lrsweep.db") as store:
        check(store, sweep_id, epochs + 1)


def test_a_disk_that_is_full_from_the_start_is_told(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "ballast").write_bytes(bytes(2_000_000))
    with pytest.raises(EnvironmentFailure, match="full"):
        Store.open(f"sqlite:///{small_disk}/lrsweep.db")


def test_a_file_that_may_not_grow_keeps_what_was_recorded(tmp_path: Path, make) -> None:
    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 60"))
        store._engine.dispose()
        check(store, *fill(store, make))
