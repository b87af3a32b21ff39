"""A real MLflow server for tests, started by the command that `lrsweep ui` runs."""

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from service.home import Home
from service.tracking.links import ui_command


def home_in(folder: Path, tracking_uri: str | None = None) -> Home:
    return Home(
        folder=folder,
        store_url=f"sqlite:///{folder / 'lrsweep.db'}",
        tracking_uri=tracking_uri or f"sqlite:///{folder / 'mlflow.db'}",
    )


class MlflowServer:
    """An `mlflow server` on a port of its own, as `lrsweep ui` starts it; it can die and come back."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command, environment = ui_command(home_in(self.folder), port=self.port)
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while not answers(self.uri):
            assert self._process.poll() is None, (self.folder / "server.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "mlflow server did not start within a minute"
            time.sleep(0.1)

    def kill(self) -> None:
        """Ends the server and its worker at once."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def answers(uri: str) -> bool:
    """Whether an MLflow server answers there."""
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False
