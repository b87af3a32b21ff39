"""`lrsweep serve` and `lrsweep token` as an operator meets them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.cli.main import invoke
from service.records import Scope
from service.store import Store
from tests.service.api.conftest import SPEC
from tests.service.cli.conftest import clean_environment, command

ROOT = Path(__file__).parents[3]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a store in a file."""
    monkeypatch.delenv("LRSWEEP_SERVER", raising=False)
    return f"sqlite:///{tmp_path}/lrsweep.db"


@contextmanager
def served(*args: str, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The URL of `lrsweep serve ARGS` in a process of its own, once it answers, and that process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        command("serve", "--port", port, *args),
        env=clean_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        where = f"http://127.0.0.1:{port}"
        try:
            for _ in range(1200):
                try:
                    httpx2.get(f"{where}/health")
                    break
                except httpx2.TransportError:
                    assert process.poll() is None, process.communicate()[0]
                    time.sleep(0.1)
            yield where, process
        finally:
            process.kill()


def test_a_server_on_loopback_works_at_once_and_stops_when_told(url: str) -> None:
    with served("--store", url) as (where, process):
        answer = httpx2.post(f"{where}/api/v1/sweeps", json=SPEC)
        assert answer.status_code == 201
        events = httpx2.stream("GET", f"{where}/api/v1/sweeps/last/events")
        with events as stream:
            next(stream.iter_lines())
            os.kill(process.pid, signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM), said
    assert f"serving on {where}" in said
    assert "Traceback" not in said
    with Store.open(url) as store:
        assert store.sweep(store.resolve("last")).name == "small"


def test_a_server_for_others_asks_for_tokens_and_knows_its_allow_list(url: str) -> None:
    with Store.open(url) as store:
        token = store.create_token("ann", Scope.SUBMIT)
    with served("--store", url, "--host", "0.0.0.0", LRSWEEP_ALLOWED_TASKS="shop.tasks:*") as (where, _):
        headers = {"Authorization": f"Bearer {token}"}
        spec = {**SPEC, "task": "shop.tasks:Prices"}
        assert httpx2.post(f"{where}/api/v1/sweeps", json=spec).status_code == 401
        assert httpx2.post(f"{where}/api/v1/sweeps", json=spec, headers=headers).status_code == 201
        assert (
            httpx2.post(f"{where}/api/v1/sweeps", json={**spec, "task": "os:system"}, headers=headers).status_code
            == 422
        )


@pytest.mark.parametrize(
    ("args", "environment", "words"),
    [
        (["--host", "0.0.0.0"], {}, "make one with `lrsweep token create NAME --scope admin`"),
        (["--host", "::"], {}, "no token is there"),
        (["--require-token"], {}, "no token is there"),
        (["--host", "sweeps.example.org"], {}, "no token is there"),
        ([], {"LRSWEEP_ALLOWED_TASKS": "*"}, "'*' is no pattern"),
        ([], {"LRSWEEP_ALLOWED_FOLDERS": "data"}, "must be absolute"),
        (["--store", "mysql://x"], {}, "a store cannot live in 'mysql'"),
    ],
)
def test_a_server_that_must_not_start(
    url: str, args: list[str], environment: dict[str, str], words: str, monkeypatch: Any, capsys: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert invoke(["serve", "--store", url, *args]) == 2
    assert words in capsys.readouterr().err


def test_a_token_that_is_no_longer_valid_lets_no_server_start(url: str, capsys: Any) -> None:
    with Store.open(url) as store:
        store.create_token("old", Scope.ADMIN, lifetime=timedelta(seconds=-1))
    assert invoke(["serve", "--store", url, "--host", "0.0.0.0"]) == 2
    assert "no token is there" in capsys.readouterr().err


def test_the_process_loads_neither_torch_nor_ray_nor_mlflow(tmp_path: Path) -> None:
    code = f"""
import sys
from starlette.testclient import TestClient
from service.api.app import make_app
from service.api.context import Settings
from service.policy import Policy
from service.store import Store
with Store.open("sqlite:///{tmp_path}/a.db") as store, TestClient(
    make_app(store, Settings(anonymous=True, policy=Policy()))
) as client:
    assert client.post("/api/v1/sweeps", json={SPEC!r}).status_code == 201
    for path in ("", "/last", "/last/trials", "/last/picks", "/last/range-tests"):
        assert client.get("/api/v1/sweeps" + path).status_code == 200
    assert client.get("/metrics").status_code == 200
print(*(name for name in ("torch", "ray", "mlflow", "optuna", "workers") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_tokens_are_made_shown_once_listed_and_revoked(url: str, capsys: Any) -> None:
    def said(*args: str, code: int = 0) -> Any:
        assert invoke(["token", *args, "--store", url]) == code
        return capsys.readouterr()

    made = said("create", "ann", "--scope", "submit", "--expires", "30d")
    secret = made.out.strip()
    assert "shown once" in made.err
    assert json.loads(said("create", "ci", "--json").out) | {"token": ""} == {
        "name": "ci",
        "scope": "read",
        "token": "",
    }
    with Store.open(url) as store:
        token = store.token_of(secret)
        assert token is not None
        assert token.expires is not None
        assert (token.name, token.scope, token.expires - token.created) == ("ann", "submit", timedelta(days=30))
    listed = said("list").out
    assert "ann" in listed
    assert secret not in listed
    assert [each["valid"] for each in json.loads(said("list", "--json").out)] == [True, True]
    said("revoke", "ann")
    assert [each["valid"] for each in json.loads(said("list", "--json").out)] == [False, True]
    assert "revoked" in said("list").out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["create", "a b"], "no name for a token"),
        (["create", "ann", "--expires", "soon"], "--expires takes hours or days"),
        (["create", "ann", "--expires", "0d"], "--expires takes hours or days"),
        (["create", "ann", "--scope", "root"], "--scope"),
        (["revoke", "eve"], "no token 'eve'"),
    ],
)
def test_mistakes_with_tokens(url: str, capsys: Any, args: list[str], words: str) -> None:
    assert invoke(["token", *args, "--store", url]) == 2
    assert words in capsys.readouterr().err
