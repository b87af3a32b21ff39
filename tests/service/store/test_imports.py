"""Opening a store is quick, because it loads only what it needs."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"torch", "mlflow", "ray", "optuna", "alembic", "numpy", "pandas", "psycopg"}

SCRIPT = """
import sys
from service.store import Store
with Store.open(sys.argv[1]) as store:
    store.sweeps()
print(*sys.modules)
"""


def test_making_and_reading_a_store_loads_nothing_heavy(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, f"sqlite:///{tmp_path}/lrsweep.db"]
    for _ in ("made", "read"):
        loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert "service.store.store" in loaded
        assert not HEAVY & set(loaded)
