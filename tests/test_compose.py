"""docker-compose.yml is valid and safe, and what it starts works: rehearsed without Docker, by its own words."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.service.cli.conftest import clean_environment, command

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

SPEC = """
task: {use: digits, hidden: [16]}
budget: {epochs: 1}
optimizers: [AdamW]
schedulers: [none]
trials: 2
range_test: {steps: 20, seeds: 1}
"""


def test_it_follows_the_compose_specification() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_waited_for_can_become_healthy() -> None:
    waited = {
        name
        for service in SERVICES.values()
        for name, on in service.get("depends_on", {}).items()
        if on["condition"] == "service_healthy"
    }
    assert waited
    assert all(SERVICES[name]["healthcheck"]["test"] for name in waited)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name]["ports"]:
        address = port["host_ip"] if isinstance(port, dict) else port.rpartition(":")[0].rpartition(":")[0]
        assert address.startswith("127.0.0.1"), port


@pytest.mark.parametrize("name", SERVICES)
def test_services_restart_within_limits_from_pinned_images(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    tag = service["image"].rpartition(":")[2]
    assert re.match(r"v?\d+", tag), tag


def test_variables_have_a_default_or_an_explanation() -> None:
    comments = "\n".join(line.partition("#")[2] for line in TEXT.splitlines() if "#" in line)
    # `$$` is a dollar sign.
    for name, default in re.findall(r"\$\{(\w+)([^}]*)\}", TEXT.replace("$$", "")):
        assert default.startswith(":-") or name in comments, name
        assert name in comments, f"{name} is nowhere explained"


def test_the_password_stays_in_a_file_that_git_ignores() -> None:
    for secret in COMPOSE["secrets"].values():
        assert subprocess.run(["git", "check-ignore", "--quiet", secret["file"]], cwd=ROOT, check=False).returncode == 0
    for service in SERVICES.values():
        assert not [name for name in service["environment"] if name.endswith("PASSWORD")]


def test_mlflow_is_the_version_that_lrsweep_uses() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pinned,) = (need.partition("==")[2] for need in project["dependencies"] if need.startswith("mlflow=="))
    assert SERVICES["mlflow"]["image"] == f"ghcr.io/mlflow/mlflow:v{pinned}-full"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def mapped(text: str, places: Mapping[str, str]) -> str:
    """The text with each name of the containers' world replaced by what stands for it here."""
    for there, here in places.items():
        assert there in text, f"{there} in {text}"
        text = text.replace(there, here)
    return text


@dataclass(frozen=True)
class Database:
    """A PostgreSQL set up as the service of the compose file sets up its own."""

    address: str
    password: str


@pytest.fixture
def database(postgres_server: str) -> Iterator[Database]:
    """Both databases, made as the image makes them at its first start, and closed to who lacks the password."""
    environment = SERVICES["postgres"]["environment"]
    user, own = environment["POSTGRES_USER"], environment["POSTGRES_DB"]
    init = COMPOSE["configs"][SERVICES["postgres"]["configs"][0]["source"]]["content"]
    address, password = postgres_server.rpartition("@")[2], secrets.token_hex(24)
    assert postgres_server == f"postgresql://{user}@{address}"

    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {own}")
        with psycopg.connect(f"{postgres_server}/{own}", autocommit=True) as owner:
            owner.execute(init)
        row = admin.execute("SHOW hba_file").fetchone()
        assert row
        rules = Path(row[0])
        before = rules.read_text()
        admin.execute(f"ALTER ROLE {user} PASSWORD '{password}'")
        # As the image does; the databases of other tests trust everyone.
        rules.write_text(f"host {own},mlflow all 127.0.0.1/32 scram-sha-256\n{before}")
        admin.execute("SELECT pg_reload_conf()")
        try:
            yield Database(address=address, password=password)
        finally:
            rules.write_text(before)
            admin.execute("SELECT pg_reload_conf()")
            for name in (own, "mlflow"):
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def mlflow_service(database: Database, folder: Path) -> Iterator[str]:
    """The address of the MLflow server that the compose file's own command starts, found healthy by its own check."""
    service, port = SERVICES["mlflow"], free_port()
    secret = folder / "postgres_password"
    secret.write_text(database.password + "\n")
    shell, flag, script = service["command"]
    script = mapped(
        script.replace("$$", "$"),
        {
            "/run/secrets/postgres_password": str(secret),
            "exec mlflow server": f"exec {sys.executable} -m mlflow server",
            "@postgres:5432/": f"@{database.address}/",
            "--artifacts-destination /artifacts": f"--artifacts-destination {folder / 'artifacts'}",
            "--host 0.0.0.0 --port 5000": f"--host 127.0.0.1 --port {port}",
        },
    )
    address = f"127.0.0.1:{port}"
    kind, python, dash_c, code = service["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    check = [sys.executable, dash_c, mapped(code, {"127.0.0.1:5000": address})]

    log = folder / "mlflow.log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            [shell, flag, script],
            cwd=folder,
            env=clean_environment() | service["environment"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while subprocess.run(check, capture_output=True, check=False).returncode != 0:
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)
        yield f"http://{address}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def asked(uri: str, path: str, host: str | None = None) -> Any:
    request = urllib.request.Request(f"{uri}/api/2.0/mlflow/{path}", headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.postgres
@pytest.mark.slow
def test_a_sweep_through_what_the_file_starts(database: Database, tmp_path: Path) -> None:
    exported = dict(re.findall(r"^#\s+export (\w+)=(\S+)$", TEXT, flags=re.MULTILINE))
    with mlflow_service(database, tmp_path) as uri:
        environment = {
            "LRSWEEP_STORE": mapped(exported["LRSWEEP_STORE"], {"127.0.0.1:5432": database.address}),
            "MLFLOW_TRACKING_URI": mapped(exported["MLFLOW_TRACKING_URI"], {"http://127.0.0.1:5000": uri}),
            "PGPASSWORD": database.password,
        }
        (tmp_path / "spec.yaml").write_text(SPEC)

        def lrsweep(*args: str) -> str:
            done = subprocess.run(
                command(*args),
                cwd=tmp_path,
                env=clean_environment() | environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        lrsweep("db", "upgrade")
        document = json.loads(lrsweep("run", "spec.yaml", "--runner", "inline", "--json"))
        assert [trial["outcome"] for trial in document["trials"]] == ["COMPLETE"] * 2
        assert not list(tmp_path.glob(".lrsweep/*.db"))

        place = document["mlflow"]
        assert place["tracking_uri"] == uri
        for trial in document["trials"]:
            run = asked(uri, f"runs/get?run_id={trial['mlflow_run_id']}")["run"]
            assert {metric["key"] for metric in run["data"]["metrics"]} >= {"train/loss", "val/loss", "lr"}
        files = asked(uri, f"artifacts/list?run_id={place['run_id']}")["files"]
        assert {file["path"] for file in files} >= {"picks.json", "plots"}
        assert list(tmp_path.glob("artifacts/**/plots/*.png"))

        # The other services of a compose network call it by its name there; nobody else's name is answered.
        assert asked(uri, f"runs/get?run_id={place['run_id']}", host="mlflow:5000")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            asked(uri, f"runs/get?run_id={place['run_id']}", host="elsewhere.example.org:5000")
