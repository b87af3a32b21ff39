"""Fixtures for every package: a real PostgreSQL, a store on each database, a real Ray cluster."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import psycopg
import pytest

from service.store import Store
from workers.rayenv import prepare_ray

# A shell's background job ignores Ctrl-C, and so would every process that a test starts in one.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Ray reads its environment while it is imported, which collecting doctests does.
prepare_ray(local=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a file's tests on one of pytest-xdist's processes, and on one all that need Ray or PostgreSQL."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        shared = {"ray_address", "postgres_server", "store_url"} & set(fixtures)
        item.add_marker(pytest.mark.xdist_group("servers" if shared else item.nodeid.partition("::")[0]))


def missing(what: str) -> None:
    """Skips a test that needs what this machine lacks; fails it in CI, which must have everything."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


# The server stops when this session does, however it ends: then the shell's standard input is closed.
SERVE = """
PATH="$0:$PATH"
initdb --pgdata=data --username=lrsweep --auth=trust --encoding=UTF8 --locale=C --no-sync >log 2>&1 &&
pg_ctl start --pgdata=data --log=log \
    --options="-p $1 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" >>log 2>&1 &&
echo ready || echo failed
read -r _
pg_ctl stop --pgdata=data --mode=immediate >>log 2>&1
"""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL, up to the database's name, of a PostgreSQL of this session's own on a free loopback port."""
    binaries = shutil.which("initdb") or next(iter(sorted(glob("/usr/lib/postgresql/*/bin/initdb"))), None)
    if binaries is None:
        missing("PostgreSQL's binaries are not installed (Debian: apt-get install postgresql)")
    binaries = str(Path(binaries).resolve().parent)
    folder = Path(tempfile.mkdtemp(prefix="lrsweep-postgres-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["sh", "-c", SERVE, binaries, str(port)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **as_user,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n", (folder / "log").read_text()
        yield f"postgresql://lrsweep@127.0.0.1:{port}"
    finally:
        server.communicate()
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_server}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on each of the two kinds in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lrsweep.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, on each of the two kinds of database in turn."""
    with Store.open(store_url, upgrade=True) as store:
        yield store


@pytest.fixture(scope="session")
def ray_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Ray cluster of this session's own: two CPUs, on loopback, with a token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    # Not under pytest's folder: the paths of Ray's sockets must stay short.
    folder = Path(tempfile.mkdtemp(prefix="lrs-ray-"))
    start = ["start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false"]
    where = ["--node-ip-address=127.0.0.1", f"--port={address.partition(':')[2]}", f"--temp-dir={folder}"]
    head = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), *start, *where],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(1200):
            try:
                socket.create_connection(("127.0.0.1", int(address.partition(":")[2])), timeout=1).close()
                break
            except OSError:
                assert head.poll() is None, "ray start ended by itself"
                time.sleep(0.1)
        yield address
    finally:
        head.terminate()
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)
