"""What is killed: PostgreSQL, an MLflow server, two coordinators with their sweeps, and a sweep in the foreground."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.chaos.postgres import Postgres, free_port
from benchmarks.chaos.processes import command_of, descendants
from benchmarks.chaos.takeovers import Takeovers
from service.home import Home
from service.store import Store
from service.tracking.links import ui_command
from sweeps.specfile import parse_spec

COMMAND = [sys.executable, "-c", "from service.cli.main import main; main()"]
ROOT = Path(__file__).parents[2]
MARKS = "marks"
"""The folder in which each process that trains leaves a file, named by its id, at each step."""
_JUST_NOW = 2.0
"""Seconds within which a process has made a step that is training."""


class Kept:
    """A process that is started again whenever it has ended; one that is to end, not if it ended well (exit code 0)."""

    def __init__(self, start: Callable[[int], subprocess.Popen[bytes]], *, to_end: bool):
        self._start, self._times, self._to_end = start, 1, to_end
        self.process = start(0)

    @property
    def done(self) -> bool:
        """True if it has done its work."""
        return self._to_end and self.process.poll() == 0

    def look(self) -> None:
        """Starts it again if it has to be."""
        if self.process.poll() is not None and not self.done:
            self.process = self._start(self._times)
            self._times += 1

    def end(self) -> None:
        """Ends it and all below it."""
        below = descendants(self.process.pid)
        for pid in [self.process.pid, *below]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class World:
    """All of it, under one folder, on loopback."""

    def __init__(self, folder: Path, coordinators: int = 2):
        self.folder = folder
        self.postgres = Postgres(folder / "postgres")
        self._mlflow_home = Home(
            folder=folder / "mlflow",
            store_url="sqlite:///unused.db",
            tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}",
        )
        self._mlflow_home.folder.mkdir()
        self._mlflow_port = free_port()
        self.home = Home(
            folder=folder / "home",
            store_url=self.postgres.url,
            tracking_uri=f"http://127.0.0.1:{self._mlflow_port}",
        )
        self.store = Store.open(self.home.store_url, upgrade=True)
        self.takeovers = Takeovers(self.store)
        self.mlflow = self._start_mlflow()
        self.wait_for_mlflow()
        self.coordinators = [Kept(self._coordinator, to_end=False) for _ in range(coordinators)]
        self.cli: Kept | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of what is started here."""
        ours = {
            "LRSWEEP_HOME": str(self.home.folder),
            "LRSWEEP_STORE": self.home.store_url,
            "MLFLOW_TRACKING_URI": self.home.tracking_uri,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            # Else Ray's workers would wait for everybody else on a busy machine, and be there to be killed too seldom.
            "RAY_worker_niceness": "0",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LRSWEEP_", "MLFLOW_", "RAY_", "PYTEST_"))}
        return kept | ours

    def submit(self, spec: Mapping[str, Any], user: str) -> str:
        """Queues a sweep and returns its id."""
        parsed = parse_spec(spec)
        record, _ = self.store.submit(
            name=parsed.name, task=parsed.task.use, spec=spec, total_trials=parsed.total_trials, submitted_by=user
        )
        return record.id

    def start_cli(self, spec: Path) -> None:
        """Starts `lrsweep run SPEC`; once killed, it goes on with `--resume` or `db sync` until it is through."""

        def start(times: int) -> subprocess.Popen[bytes]:
            mine = [sweep for sweep in self.store.sweeps() if sweep.name == "cli"] if times else []
            if not mine:
                return self._start("cli", *COMMAND, "run", str(spec), "--runner", "inline")
            if mine[0].status.ended:
                return self._start("cli", *COMMAND, "db", "sync", mine[0].id)
            return self._start("cli", *COMMAND, "run", "--resume", mine[0].id, "--runner", "inline")

        self.cli = Kept(start, to_end=True)

    def workers(self, words: str) -> list[int]:
        """Processes below the coordinators whose command line has these words."""
        below = [pid for each in self.coordinators for pid in descendants(each.process.pid)]
        return [pid for pid in below if words in command_of(pid)]

    def trains(self, pid: int) -> bool:
        """True if a process has trained just now."""
        mark = self.folder / MARKS / str(pid)
        return mark.exists() and time.time() - mark.stat().st_mtime < _JUST_NOW

    def restart_mlflow(self) -> None:
        """Kills the MLflow server with its worker, and starts it again."""
        os.killpg(self.mlflow.pid, signal.SIGKILL)
        self.mlflow.wait()
        self.mlflow = self._start_mlflow()

    def wait_for_mlflow(self) -> None:
        """Returns once MLflow answers."""
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"{self.home.tracking_uri}/health", timeout=2):
                    return
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "mlflow.log").read_text()[-2000:]
                time.sleep(0.2)

    def look(self) -> None:
        """Starts what has ended again, and notes what was taken over."""
        self.takeovers.look()
        for each in [*self.coordinators, *([self.cli] if self.cli else [])]:
            with suppress(Exception):
                each.look()

    def close(self) -> None:
        """Ends all of it."""
        for each in [*self.coordinators, *([self.cli] if self.cli else [])]:
            each.end()
        with suppress(ProcessLookupError):
            os.killpg(self.mlflow.pid, signal.SIGKILL)
        self.mlflow.wait()
        self.store.close()
        self.postgres.stop()

    def _coordinator(self, times: int) -> subprocess.Popen[bytes]:
        return self._start("coordinator", *COMMAND, "coordinator", "--most", "2", "--grace", "20")

    def _start_mlflow(self) -> subprocess.Popen[bytes]:
        command, environment = ui_command(self._mlflow_home, port=self._mlflow_port)
        return self._start("mlflow", *command, **environment)

    def _start(self, name: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
