"""A folder may have any name, and hold files and packages of any name: what lrsweep starts imports only the task."""

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from service.records import Status
from service.store import Store
from tests.service.cli.conftest import clean_environment, inside
from tests.service.coordinator.live import TASK, submit
from tests.service.mlflow_server import answers, free_port

LRSWEEP = Path(sys.executable).with_name("lrsweep")
OURS = ("service", "workers", "sweeps", "migrations")
LIBRARIES = ("mlflow", "uvicorn", "optuna", "queue", "random", "grp")


def crowd(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit('one of the user')")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "workers"),
    [
        pytest.param([*OURS, *LIBRARIES], ["--workers", "1"], id="in this process"),
        # Ray's workers look into the folder that they are started from before they look for libraries.
        pytest.param(OURS, ["--workers", "2", "--runner", "ray"], id="on Ray", marks=pytest.mark.ray),
    ],
)
def test_a_sweep_and_its_record_in_mlflow(here: Path, names: Sequence[str], workers: Sequence[str]) -> None:
    crowd(here, names)
    args = ["--task", "digits", "--optimizer", "SGD", "--trials", "2", "--epochs", "2", *workers]
    command = [LRSWEEP, "run", *args]
    done = subprocess.run(command, cwd=here, env=clean_environment(), capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert "DONE: 2 of 2 trials" in said
    assert "MLflow lacks" not in said


@pytest.mark.slow
def test_a_coordinator(here: Path) -> None:
    # What the task imports comes from its folder first, as when Python runs a file there.
    crowd(here, OURS)
    (here / "task.py").write_text(TASK)
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        sweep_id = submit(store, here)
        command = [LRSWEEP, "coordinator", "--once"]
        done = subprocess.run(command, cwd=here, env=clean_environment(), capture_output=True, text=True, timeout=120)
        assert store.sweep(sweep_id).status is Status.DONE, done.stderr


@pytest.mark.slow
def test_the_ui(here: Path) -> None:
    crowd(here, [*OURS, *LIBRARIES])
    port = free_port()
    command = [LRSWEEP, "ui", "--port", str(port)]
    ui = subprocess.Popen(command, cwd=here, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}"):
            assert ui.poll() is None, ui.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        ui.terminate()
        ui.communicate(timeout=30)


def test_a_folder_of_any_name(tmp_path: Path, fresh_home: Path) -> None:
    folder = tmp_path / "it's 100% mine? #1 %20 & ü;"
    shutil.copytree(fresh_home, folder / ".lrsweep")
    for args in (
        ["run", "--task", "digits", "--optimizer", "SGD", "--trials", "2", "--epochs", "1", "--workers", "1"],
        ["export", "last", "--format", "optuna", "--output", "50%?.db"],
    ):
        said = inside(folder, *args)
        assert said.code == 0, said.err
    for file, table, rows in (
        (".lrsweep/lrsweep.db", "trials", 2),
        (".lrsweep/mlflow.db", "runs", 4),
        ("50%?.db", "trials", 2),
    ):
        with closing(sqlite3.connect(folder / file)) as database:
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
    assert list((folder / ".lrsweep" / "artifacts").glob("*/artifacts/picks.json"))
