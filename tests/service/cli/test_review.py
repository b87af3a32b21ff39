"""Looking at a sweep from the command line: show, report, watch, export; in a terminal and piped."""

import csv
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from service.store import Store
from tests.service.cli.conftest import Cli, clean_environment, command
from tests.service.report.conftest import full_sweep
from tests.service.tracking.conftest import Sweep


@pytest.fixture
def full(here: Path) -> Sweep:
    return full_sweep(Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db"), metric="val/loss", error="it broke")


def test_show_has_a_curve_for_each_trial(cli: Cli, full: Sweep) -> None:
    shown = cli("show", "last").out
    rows = [line for line in shown.splitlines() if "COMPLETE" in line]
    assert len(rows) == 25
    assert all("█" in row and "▁" in row for row in rows)


def test_report_writes_a_file_and_says_where(cli: Cli, here: Path, full: Sweep) -> None:
    said = cli("report", "last")
    assert (said.code, said.out) == (0, "")
    assert f"wrote lrsweep-{full.id}.html" in said.err
    assert (here / f"lrsweep-{full.id}.html").read_text().startswith("<!DOCTYPE html>")
    assert cli("report", "last", "--out", here / "no" / "such.html").code == 2


def test_the_report_is_among_what_mlflow_shows(cli: Cli, here: Path, full: Sweep) -> None:
    assert cli("db", "sync", "last").code == 0
    said = cli("report", "last", "-o", "report.html")
    assert "added to MLflow as report.html" in said.err
    logged = list((here / ".lrsweep" / "artifacts").rglob("report.html"))
    assert [each.read_bytes() for each in logged] == [(here / "report.html").read_bytes()]
    elsewhere = cli("report", "last", "-o", "again.html", "--tracking-uri", f"sqlite:///{here}/other.db")
    assert elsewhere.code == 0
    assert "not added to MLflow: the sweep is in the MLflow at" in elsewhere.err


def test_watch_tells_all_of_a_sweep_that_has_ended(cli: Cli, full: Sweep) -> None:
    said = cli("watch", "last")
    assert said.code == 0, said.err
    assert said.err.count("COMPLETE after") == 25
    assert "Best initial LR per optimizer and scheduler" in said.out
    assert f"sweep {full.id} is DONE: 40 of 40 trials ended" in said.err


def test_watch_follows_a_sweep_to_its_end(here: Path) -> None:
    sweep = Sweep(Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db"))
    watching = subprocess.Popen(
        command("watch", sweep.id), cwd=here, env=clean_environment(), stderr=subprocess.PIPE, text=True
    )
    assert watching.stderr is not None
    assert "watching" in watching.stderr.readline()
    for number in range(3):
        sweep.train(number)
        assert f"trial {number} ({number + 1}/8)" in watching.stderr.readline()
    sweep.finish()
    _, rest = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert "is DONE: 3 of 8 trials ended" in rest


def test_in_a_terminal_watch_is_live_and_control_c_leaves_the_sweep_running(here: Path) -> None:
    sweep = Sweep(Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db"))
    for number in range(4):
        sweep.train(number)
    sweep.propose(4)
    sweep.report(4, 1)
    screen, terminal = pty.openpty()
    environment = clean_environment() | {"TERM": "xterm-256color", "COLUMNS": "110", "LINES": "34"}
    watching = subprocess.Popen(
        command("watch", "last"), cwd=here, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    try:
        seen = read_until(screen, "best so far")
        for part in ("4/8", "4 complete", "1 lane", "best quarter", "val/loss 0.1429 with SGD, StepLR"):
            assert part in seen
        watching.send_signal(signal.SIGINT)
        assert f"sweep {sweep.id} goes on" in read_until(screen, "goes on")
        assert watching.wait(timeout=30) == 130
    finally:
        watching.kill()
        os.close(screen)
    assert sweep.store.sweep(sweep.id).status.value == "RUNNING"


def read_until(screen: int, wanted: str, seconds: float = 60.0) -> str:
    """What comes from a terminal until it has shown something."""
    seen, deadline = "", time.monotonic() + seconds
    while wanted not in seen:
        assert time.monotonic() < deadline, seen[-3000:]
        if select.select([screen], [], [], 0.5)[0]:
            seen += os.read(screen, 65536).decode(errors="replace")
    return seen


@pytest.mark.parametrize(
    ("table", "rows"), [("trials", 40), ("epochs", 245), ("steps", 2450), ("picks", 3), ("rules", 20)]
)
def test_every_table_is_exported_both_ways_alike(cli: Cli, here: Path, full: Sweep, table: str, rows: int) -> None:
    from pyarrow import parquet

    text = cli("export", "last", "--table", table).out
    found = list(csv.DictReader(text.splitlines()))
    assert len(found) == rows
    assert cli("export", "last", "--table", table, "--format", "parquet", "-o", "t.parquet").code == 0
    stored = parquet.read_table(here / "t.parquet")
    assert stored.column_names == list(found[0])
    first = stored.slice(0, 1).to_pylist()[0]
    assert {name: "" if cell is None else str(cell) for name, cell in first.items()} == found[0]
    assert cli("export", "last", "--table", table, "--format", "parquet", "-o", "t.parquet").code == 2


@pytest.mark.parametrize("format", ["csv", "json", "parquet", "optuna"])
def test_what_cannot_be_written_is_said_in_a_sentence(cli: Cli, here: Path, full: Sweep, format: str) -> None:
    said = cli("export", "last", "--format", format, "-o", "nowhere/file")
    assert said.code == 2
    assert "cannot write nowhere/file" in said.err
    assert "Traceback" not in said.err


def test_a_dash_is_the_standard_output(cli: Cli, here: Path, full: Sweep) -> None:
    assert cli("export", "last", "-o", "-").out == cli("export", "last").out != ""
    assert not (here / "-").exists()


def test_a_pick_that_is_not_there_names_those_that_are(cli: Cli, full: Sweep) -> None:
    said = cli("pick", "last", "--optimizer", "sgd")
    assert said.code == 2
    assert "did you mean 'SGD'?" in said.err


def test_a_table_goes_with_what_has_tables(cli: Cli, full: Sweep) -> None:
    said = cli("export", "last", "--table", "picks", "--format", "optuna")
    assert said.code == 2
    assert "--table picks goes with --format csv or parquet" in said.err
