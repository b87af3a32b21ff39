"""PostgreSQL as the compose file sets it up, and a free place for everything else."""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.rehearsal.composefile import COMPOSE
from tests.rehearsal.native import Native


@dataclass(frozen=True)
class Database:
    """A PostgreSQL set up as the service of the compose file sets up its own."""

    address: str
    password: str


@pytest.fixture
def database(postgres_server: str) -> Iterator[Database]:
    """Both databases, made as the image makes them at its first start, and closed to who lacks the password."""
    service = COMPOSE["services"]["postgres"]
    user, own = service["environment"]["POSTGRES_USER"], service["environment"]["POSTGRES_DB"]
    init = COMPOSE["configs"][service["configs"][0]["source"]]["content"]
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


@pytest.fixture
def native(database: Database) -> Iterator[Native]:
    """The containers' world on loopback; nothing of it is left afterwards."""
    # Not under pytest's folder: the paths of Ray's sockets must stay short.
    folder = Path(tempfile.mkdtemp(prefix="lrs-"))
    own_secrets = {"postgres_password": database.password, "ray_token": secrets.token_hex(24)}
    assert own_secrets.keys() == COMPOSE["secrets"].keys()
    for name, value in own_secrets.items():
        (folder / name).write_text(f"{value}\n")
    ray, mlflow, api = (str(port) for port in free_ports(3))
    places = {
        "8400": api,
        "/run/secrets": str(folder),
        "/artifacts": str(folder / "artifacts"),
        "/data": str(folder / "data"),
        "@postgres:5432/": f"@{database.address}/",
        "ray-head:6379": f"127.0.0.1:{ray}",
        "127.0.0.1:6379": f"127.0.0.1:{ray}",
        "--port=6379": f"--port={ray}",
        "mlflow:5000": f"127.0.0.1:{mlflow}",
        "127.0.0.1:5000": f"127.0.0.1:{mlflow}",
        "--host 0.0.0.0 --port 5000": f"--host 127.0.0.1 --port {mlflow}",
        # Loopback, written so that it does not count as such: whoever listens to the world asks for tokens.
        "0.0.0.0": "127.1",
    }
    with Native(folder=folder, places=places).up() as native:
        yield native
    shutil.rmtree(folder)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports
