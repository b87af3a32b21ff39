"""Runs services of the compose file as processes of this machine, and ends them as containers end."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rehearsal.composefile import ROOT, Service
from tests.service.cli.conftest import clean_environment

_MARK = "LRSWEEP_REHEARSED"
"""A variable that every process of a rehearsal inherits, however it was started."""
_LEFT = ("postgres:", "mlflow:5", "ray-head:", "0.0.0.0", "/run/secrets", "=6379")
"""Words of the containers' world that must not reach a process here."""


@dataclass(slots=True)
class Native:
    """The compose file's world on this machine: `places` are its names and what stands for them here."""

    folder: Path
    places: Mapping[str, str]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """The text with what stands for the names of the containers' world."""
        for there, here in self.places.items():
            text = text.replace(there, here)
        assert not [word for word in _LEFT if word in text], text
        return text

    def environment(self, service: Service) -> dict[str, str]:
        """What a process of the service sees; programs are found as in the images."""
        path = f"{ROOT / 'docker'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {name: self.here(value) for name, value in service.environment.items()}
        mark = {_MARK: f"{self.mark}/{service.name}"}
        return clean_environment() | {"PATH": path, "OMP_NUM_THREADS": "1", "RAY_TMPDIR": str(self.folder)} | own | mark

    def command(self, service: Service, command: tuple[str, ...]) -> list[str]:
        """A command as the service's image runs it."""
        entry = ["with-password"] if service.own_image else []
        return entry + [self.here(word) for word in command]

    def run(self, service: Service, *command: str) -> str:
        """What a command of the service says, which must end well: `docker compose run`."""
        done = subprocess.run(
            self.command(service, command),
            cwd=self.folder,
            env=self.environment(service),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, service: Service) -> None:
        """Starts the service's own command."""
        with self.log(service.name).open("wb") as said:
            self._running[service.name] = subprocess.Popen(
                self.command(service, service.command),
                cwd=self.folder,
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def log(self, name: str) -> Path:
        """Where a service's output goes."""
        return self.folder / f"{name}.log"

    def wait_healthy(self, service: Service, patience: float = 90) -> None:
        """Asks by the service's own health check until it is well."""
        deadline = time.monotonic() + patience
        check, environment = [self.here(word) for word in service.check], self.environment(service)
        while subprocess.run(check, env=environment, capture_output=True, check=False).returncode != 0:
            assert self._running[service.name].poll() is None, self.log(service.name).read_text()[-3000:]
            assert time.monotonic() < deadline, self.log(service.name).read_text()[-3000:]
            time.sleep(0.3)

    def wait_done(self, service: Service, patience: float = 60) -> None:
        """Waits until a service has ended well."""
        assert self._running[service.name].wait(patience) == 0, self.log(service.name).read_text()[-3000:]

    def stop(self, name: str, patience: float) -> int:
        """Ends a service like a container: SIGTERM to its first process, SIGKILL to the rest. Returns its exit code."""
        first = self._running.pop(name)
        if first.poll() is None:
            first.terminate()
        try:
            return first.wait(patience)
        finally:
            kill(f"{self.mark}/{name}")
            first.wait()

    @contextmanager
    def up(self) -> Iterator["Native"]:
        """Whatever happens, nothing that was started is left after the block."""
        try:
            yield self
        finally:
            kill(self.mark)
            for process in self._running.values():
                process.wait()


def marked(mark: str) -> list[int]:
    """The processes whose mark begins so."""
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if any(each.startswith(wanted) for each in place.read_bytes().split(b"\0")):
                found.append(int(place.parent.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def kill(mark: str, patience: float = 15) -> None:
    """Kills the processes whose mark begins so, one by one, until there are none."""
    deadline = time.monotonic() + patience
    while left := marked(mark):
        assert time.monotonic() < deadline, left
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)
