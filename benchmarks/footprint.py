"""What a trial leaves behind and costs beside its training: bytes in the store and in MLflow, coordinator's CPU time.

python -m benchmarks.footprint [--trials 100] [--epochs 10]

Two whole sweeps of the quadratic of 20 parameters, 23 steps an epoch, of which one has two trials: what the other has
more is divided by its further trials. Coordinator and training are one process here, and MLflow's writer another; the
training of so few is counted as the coordinator's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

_COMMAND = """
import resource, sys
from service.cli.main import invoke
code = invoke(sys.argv[1:])
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(*(each.ru_utime + each.ru_stime for each in used))
sys.exit(code)
"""
SPEC = {
    "name": "footprint",
    "task": {"use": "quadratic", "steps_per_epoch": 23},
    "optimizers": ["SGD", "Adam"],
    "schedulers": ["none", "CosineAnnealingLR"],
    "pruner": "none",
    "workers": 1,
}


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes and seconds of a processor that one sweep took."""

    store: float
    mlflow: float
    artifacts: float
    coordinator: float
    mlflow_writer: float

    def each(self, fewer: "Footprint", trials: int) -> "Footprint":
        """What each of so many further trials took."""
        names = self.__slots__
        return Footprint(*((getattr(self, name) - getattr(fewer, name)) / trials for name in names))


def measure(trials: int, epochs: int) -> Footprint:
    """One whole sweep in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        home, spec = Path(folder, "home"), Path(folder, "sweep.yaml")
        spec.write_text(yaml.safe_dump({**SPEC, "trials": trials, "budget": {"epochs": epochs}}))
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _COMMAND, "run", str(spec)],
            env=os.environ | {"LRSWEEP_HOME": str(home), "OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
        own, children = (float(word) for word in done.stdout.splitlines()[-1].split())
        files = (file.stat().st_size for file in (home / "artifacts").rglob("*") if file.is_file())
        return Footprint(_database(home, "lrsweep.db"), _database(home, "mlflow.db"), sum(files), own, children)


def _database(home: Path, name: str) -> int:
    """Bytes of a SQLite file with what has not been moved into it yet."""
    return sum(file.stat().st_size for file in home.glob(f"{name}*") if not file.name.endswith("-shm"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    few, many = measure(2, options.epochs), measure(options.trials, options.epochs)
    each = many.each(few, options.trials - 2)
    print(f"| a trial of {options.epochs} epochs | measured |\n|---|---|")
    print(f"| store, bytes | {each.store:.0f} |")
    print(f"| MLflow's database, bytes | {each.mlflow:.0f} |")
    print(f"| MLflow's artifacts, bytes | {each.artifacts:.0f} |")
    print(f"| CPU of coordinator and training, ms | {1000 * each.coordinator:.1f} |")
    print(f"| CPU of MLflow's writer, ms | {1000 * each.mlflow_writer:.1f} |")


if __name__ == "__main__":
    main()
