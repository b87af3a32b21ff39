"""Streams that are closed, full or without a reader cost no work and no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.records import Status
from service.store import Store
from tests.service.cli.conftest import clean_environment

LRSWEEP = Path(sys.executable).with_name("lrsweep")
SWEEP = "run --task quadratic --optimizer SGD --trials 2 --epochs 2 --workers 1"
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")


def said(args: str, streams: str, here: Path) -> subprocess.CompletedProcess[str]:
    """What a command line says with its streams redirected, as a shell does it."""
    return subprocess.run(
        ["sh", "-c", f'"$0" {args} {streams}', LRSWEEP],
        cwd=here,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("streams", "code"),
    [
        pytest.param("2>/dev/full", 0, marks=FULL),
        ("2>&1 >/dev/null | true", 0),
        ("<&- >&- 2>&-", 0),
        pytest.param(">/dev/full", 1, marks=FULL),
    ],
)
def test_a_sweep_trains_whatever_becomes_of_its_words(streams: str, code: int, here: Path) -> None:
    done = said(SWEEP, streams, here)
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        [sweep] = store.sweeps()
    assert (done.returncode, sweep.status, sweep.trials) == (code, Status.DONE, 2), done.stderr
    assert "Traceback" not in done.stderr


@FULL
@pytest.mark.parametrize("args", ["catalogue", "catalogue --json", "preview StepLR", "--help", "list"])
def test_what_cannot_be_written_is_one_line_and_a_failure(args: str, here: Path) -> None:
    done = said(args, ">/dev/full", here)
    assert (done.returncode, done.stderr) == (1, "error: the output could not be written: No space left on device\n")


@pytest.mark.parametrize("args", ["catalogue", "list --json"])
@pytest.mark.parametrize("streams", [">&-", "<&-", "2>&-", "2>&- >&- <&-"])
def test_a_closed_stream_is_no_mistake(args: str, streams: str, here: Path) -> None:
    done = said(args, streams, here)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is (">&-" not in streams.replace("2>&-", ""))
