"""What commands that train load first: all that a sweep needs but torch, and nothing that a server would do."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from pathlib import Path
from service.cli.ahead import load_ahead
from service.opened import opened_here_is_closed

def children():
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

with opened_here_is_closed():
    load_ahead(None, sys.argv[1] or None)
    print(children())
print(children())
print(*sys.modules)
"""


@pytest.mark.parametrize(("server", "started"), [("", 1), ("http://127.0.0.1:9", 0)])
def test_the_writer_to_mlflow_starts_unless_a_server_has_one(server: str, started: int) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, server], check=True, capture_output=True, text=True)
    meanwhile, afterwards, loaded = done.stdout.splitlines()
    assert (int(meanwhile), int(afterwards)) == (started, 0)
    assert {"service.launch", "sqlalchemy", "optuna"} <= set(loaded.split())
    assert not {"torch", "mlflow", "ray", "alembic", "httpx2"} & set(loaded.split())
