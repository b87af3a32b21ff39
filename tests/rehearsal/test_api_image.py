"""The API's image holds docker/api.txt and what that needs: the commands that it is for work with so much."""

import re
import subprocess
import sys
import time
import tomllib
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.rehearsal.composefile import ROOT
from tests.rehearsal.conftest import free_ports
from tests.rehearsal.test_rehearsal import SPEC, asked
from tests.service.cli.conftest import clean_environment

# What is not in the image is not there for this process either.
SCRIPT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"the API's image lacks {name}", name=name)

missing = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Missing())
from service.cli.main import main
main()
"""


def canonical(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(lines: list[str]) -> set[str]:
    """The distributions that pip installs for these requirements, by canonical name."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        each = waiting.pop()
        key = f"{canonical(each.name)}[{','.join(sorted(each.extras))}]"
        if key in found:
            continue
        found |= {key, canonical(each.name)}
        for line in requires(each.name) or ():
            below = Requirement(line)
            if below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in (each.extras or {""})):
                waiting.append(below)
    return found


def listed() -> list[str]:
    lines = (line.strip() for line in (ROOT / "docker/api.txt").read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="session")
def missing() -> str:
    """The modules that are installed here and not in the image."""
    there = {*needed(listed()), "lrsweep", "setuptools", "pip"}
    lacks = {
        module
        for module, distributions in packages_distributions().items()
        if not {canonical(each) for each in distributions} & there
    }
    assert {"torch", "ray", "mlflow", "sklearn"} <= lacks
    return ",".join(sorted(lacks))


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_serves_without_the_rest(missing: str, tmp_path: Path) -> None:
    environment = clean_environment() | {"LRSWEEP_STORE": f"sqlite:///{tmp_path}/lrsweep.db", "PYTHONPATH": str(ROOT)}
    prefix = [sys.executable, "-c", SCRIPT, missing]

    def lrsweep(*args: str) -> str:
        done = subprocess.run([*prefix, *args], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    lrsweep("db", "upgrade")
    token = lrsweep("token", "create", "ann", "--scope", "admin").strip()
    (port,) = free_ports(1)
    base, said = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
    with running([*prefix, "serve", "--port", str(port)], environment) as server:
        deadline = time.monotonic() + 120
        while True:
            try:
                asked(f"{base}/ready")
                break
            except urllib.error.URLError:
                assert server.poll() is None, server.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.1)
        sweep = asked(f"{base}/api/v1/sweeps", body=SPEC, **said)["sweep"]
        for path in ("", f"/{sweep}", *(f"/{sweep}/{what}" for what in ("trials", "reports", "range-tests", "picks"))):
            asked(f"{base}/api/v1/sweeps{path}", **said)
        assert asked(f"{base}/api/v1/openapi.json")["info"]["title"] == "lrsweep"
        modules = Path(f"/proc/{server.pid}/maps").read_text()
        assert not [each for each in ("libtorch", "_raylet") if each in modules]


def test_its_list_is_a_part_of_what_lrsweep_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = {canonical(Requirement(line).name) for line in project["dependencies"]}
    assert {canonical(Requirement(line).name) for line in listed()} <= ours
    versions = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonical(line.partition("==")[0]) for line in versions if "==" in line}
    assert {name for name in needed(listed()) if "[" not in name} <= pinned
