"""A PostgreSQL of the chaos's own, on loopback, whose postmaster can be killed and comes back."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from glob import glob
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.chaos.processes import kill


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def binaries() -> Path | None:
    """Where PostgreSQL's programs are, if they are installed."""
    initdb = shutil.which("initdb") or next(iter(sorted(glob("/usr/lib/postgresql/*/bin/initdb"))), None)
    return Path(initdb).resolve().parent if initdb else None


class Postgres:
    """One server with one database, `lrsweep`, that keeps what was committed when it is killed."""

    def __init__(self, folder: Path):
        found = binaries()
        assert found is not None, "PostgreSQL's binaries are not installed (Debian: apt-get install postgresql)"
        self._binaries, self._folder, self.port = found, folder, free_port()
        server = f"postgresql://lrsweep@127.0.0.1:{self.port}"
        self.url = f"{server}/lrsweep"
        self._as: dict[str, Any] = {}
        folder.mkdir()
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._run("initdb", "--pgdata=data", "--username=lrsweep", "--auth=trust", "--encoding=UTF8", "--locale=C")
        self.start()
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE lrsweep")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run("pg_ctl", "start", "--wait", "--pgdata=data", "--log=log", f"--options={options}")

    def kill(self) -> bool:
        """Kills the postmaster, with which all connections go."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        if not kill(pid):
            return False
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.05)
        return True

    def stop(self) -> None:
        """Ends it."""
        self._run("pg_ctl", "stop", "--pgdata=data", "--mode=immediate", check=False)

    def _run(self, program: str, *args: str, check: bool = True) -> None:
        with (self._folder / "said").open("ab") as said:
            subprocess.run(
                [self._binaries / program, *args],
                cwd=self._folder,
                check=check,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                **self._as,
            )
