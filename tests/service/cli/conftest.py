"""The real command line in an empty directory: in this process, or in one of its own."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.cli.main import invoke
from service.store import Store

_ROOT = Path(__file__).parents[3]
_NOT_USERS = (
    sys.prefix,
    sys.base_prefix,
    *(_ROOT / name for name in ("service", "workers", "sweeps", "migrations", "tests")),
)


@dataclass(frozen=True)
class Said:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory, new_mlflow: Path) -> Path:
    """An empty store and an empty MLflow database."""
    folder = tmp_path_factory.mktemp("home")
    Store.open(f"sqlite:///{folder}/lrsweep.db").close()
    shutil.copy(new_mlflow, folder / "mlflow.db")
    return folder


@pytest.fixture
def here(tmp_path: Path, fresh_home: Path) -> Path:
    """A working directory with an empty `.lrsweep` in it."""
    shutil.copytree(fresh_home, tmp_path / ".lrsweep")
    return tmp_path


@pytest.fixture
def cli(here: Path) -> Cli:
    """Runs `lrsweep ARGS` in `here` and in this process."""
    return partial(inside, here)


def inside(folder: Path, *args: object, **environment: str) -> Said:
    """Runs `lrsweep ARGS` in a folder and in this process, which spares loading everything anew."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        users_modules_forgotten(),
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        for name in os.environ.keys() - clean_environment().keys():
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        code = invoke(list(map(str, args)))
    return Said(code=code, out=out.getvalue(), err=err.getvalue())


@contextmanager
def users_modules_forgotten() -> Iterator[None]:
    """Leaves no task's module loaded and none to be found: the next one of that name would have to go by another."""
    known, path = set(sys.modules), list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - known:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and not any(Path(file).is_relative_to(place) for place in _NOT_USERS):
                del sys.modules[name]


@pytest.fixture
def process_cli(here: Path) -> Cli:
    """Runs `lrsweep ARGS` in `here` as a user does, in a process of its own."""
    return partial(alone, here)


def alone(folder: Path, *args: object, timeout: float = 120, **environment: str) -> Said:
    """Runs `lrsweep ARGS` in a folder and in a process of its own; keyword arguments are environment variables."""
    done = subprocess.run(
        command(*args),
        cwd=folder,
        env=clean_environment() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


def command(*args: object) -> list[str]:
    """The argv of `lrsweep ARGS` with the interpreter that runs the tests."""
    return [sys.executable, "-c", "from service.cli.main import main; main()", *map(str, args)]


def clean_environment() -> dict[str, str]:
    """This process's environment without what would point lrsweep elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LRSWEEP_", "MLFLOW_", "RAY_", "PYTEST_"))
    }
