"""A PostgreSQL of a benchmark's own, on loopback, durable as installed: it is gone when the block ends."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import Any


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database. Raises FileNotFoundError where PostgreSQL is not installed."""
    initdb = shutil.which("initdb") or next(iter(sorted(glob("/usr/lib/postgresql/*/bin/initdb"))), None)
    if initdb is None:
        raise FileNotFoundError("PostgreSQL's binaries are not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    as_user: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    control = [str(Path(initdb).with_name("pg_ctl")), "--pgdata=data", "--log=log", "--wait"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
    try:
        made = [initdb, "--pgdata=data", "--username=lrsweep", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(made, check=True, **as_user)
        subprocess.run([*control, f"--options={options}", "start"], check=True, **as_user)
        try:
            yield f"postgresql://lrsweep@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "--mode=fast", "stop"], check=True, **as_user)
    finally:
        shutil.rmtree(folder)
