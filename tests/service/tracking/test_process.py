"""MLflow is written to by a process of its own, which outlives nothing and hides nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.home import Home
from service.store import Store
from service.tracking.process import TrackingProcess
from tests.service.mlflow_server import home_in
from tests.service.tracking.conftest import Look, Sweep


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_in(tmp_path / "home")


@pytest.fixture
def sweep(home: Home) -> Iterator[Sweep]:
    home.folder.mkdir(parents=True, exist_ok=True)
    with Store.open(home.store_url) as store:
        yield Sweep(store)


def test_what_the_store_has_is_in_mlflow_when_it_closes(sweep: Sweep, home: Home) -> None:
    with TrackingProcess(home) as tracking:
        tracking.begin(sweep.id)
        sweep.train(0)
        sweep.finish()
        assert tracking.close(patience=60) is None
    assert set(Look(home, sweep).runs()) == {"sweep", "trial 0"}


def test_it_looks_at_once_when_asked_to(sweep: Sweep, home: Home) -> None:
    with TrackingProcess(home) as tracking:
        tracking.look()
        tracking.begin(sweep.id)
        sweep.train(0)
        deadline = time.monotonic() + 60
        while sweep.store.trial(sweep.id, 0).mlflow_run_id is None:
            assert time.monotonic() < deadline
            tracking.look()
            time.sleep(0.1)


def test_a_mlflow_that_is_away_is_said_at_the_end(sweep: Sweep, home: Home) -> None:
    away = replace(home, tracking_uri="http://127.0.0.1:9")
    with TrackingProcess(away) as tracking:
        tracking.begin(sweep.id)
        trouble = tracking.close(patience=0)
    assert trouble is not None
    assert "127.0.0.1:9" in trouble


def test_a_child_that_dies_is_said_at_the_end(sweep: Sweep, home: Home) -> None:
    with TrackingProcess(home) as tracking:
        tracking.begin(sweep.id)
        os.kill(tracking.pid, signal.SIGKILL)
        trouble = tracking.close(patience=0)
    assert trouble is not None
    assert "without a word" in trouble


def test_a_sweep_that_never_begins_leaves_no_word_and_no_child(home: Home) -> None:
    with TrackingProcess(home) as tracking:
        child = tracking.pid
    assert not os.path.exists(f"/proc/{child}/stat")
    assert not home.folder.exists()


def test_ctrl_c_is_for_the_parent_to_hear(sweep: Sweep, home: Home) -> None:
    sweep.finish()
    script = (
        "import os, signal; from pathlib import Path; from service.home import Home; "
        "from service.tracking.process import TrackingProcess; "
        "heard = []; signal.signal(signal.SIGINT, lambda *args: heard.append(args)); "
        f"tracking = TrackingProcess(Home(folder=Path({str(home.folder)!r}), "
        f"store_url={home.store_url!r}, tracking_uri={home.tracking_uri!r})); "
        f"os.killpg(0, signal.SIGINT); tracking.begin({sweep.id!r}); print(len(heard), tracking.close(patience=60))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, start_new_session=True
    )
    assert done.stdout.split() == ["1", "None"]


def test_who_leaves_while_it_closes_leaves_no_child(sweep: Sweep, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    left = []

    def leave(child: subprocess.Popen[str]) -> None:
        left.append(child)
        raise KeyboardInterrupt

    tracking = TrackingProcess(home)
    tracking.begin(sweep.id)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", leave)
        with pytest.raises(KeyboardInterrupt):
            tracking.close(patience=60)
    # As `with` does.
    assert tracking.close(patience=0) is None
    [child] = left
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL


def test_a_child_whose_parent_is_gone_ends(sweep: Sweep, home: Home) -> None:
    script = (
        "import sys; from pathlib import Path; from service.home import Home; "
        "from service.tracking.process import TrackingProcess; "
        f"tracking = TrackingProcess(Home(folder=Path({str(home.folder)!r}), "
        f"store_url={home.store_url!r}, tracking_uri={home.tracking_uri!r})); "
        f"tracking.begin({sweep.id!r}); print(tracking.pid, flush=True); import os; os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    child, deadline = int(done.stdout), time.monotonic() + 60
    while os.path.exists(f"/proc/{child}/stat") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{child}/stat")
