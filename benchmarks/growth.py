"""How the cost of a sweep grows with its trials: seconds a trial and peak memory, for 100 and for 1,000 of them.

python -m benchmarks.growth [--trials 100,1000] [--repeats 5]

A quadratic, twenty steps a trial, so that what is measured is asking, recording and MLflow, not training.
Each sweep is a whole command in a process of its own; what a sweep of two trials takes is taken off as start-up. Memory
is the peak of the coordinator's process, which trains here as well.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

_COMMAND = (
    "import resource, sys; from service.cli.main import invoke; code = invoke(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
)
SPEC = {
    "name": "growth",
    "task": "quadratic",
    "budget": {"epochs": 2},
    "optimizers": ["SGD", "Adam"],
    "schedulers": ["none", "CosineAnnealingLR"],
    "pruner": "none",
    "workers": 1,
}


def measure(trials: int) -> tuple[float, float]:
    """Seconds and peak MiB of one whole sweep."""
    folder = Path(tempfile.mkdtemp(prefix="growth-"))
    spec = folder / "sweep.yaml"
    spec.write_text(yaml.safe_dump({**SPEC, "trials": trials}))
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _COMMAND, "run", str(spec)],
        env=os.environ | {"LRSWEEP_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - began, int(done.stdout.splitlines()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="100,1000")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    counts = [int(count) for count in options.trials.split(",")]
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in (2, *counts)}
    for _ in range(options.repeats):
        for count, runs in found.items():
            runs.append(measure(count))
            print(f"{count} trials: {runs[-1][0]:.1f} s, {runs[-1][1]:.0f} MiB", file=sys.stderr, flush=True)
    start_up = statistics.median(seconds for seconds, _ in found[2])
    print("| trials | whole command, s | ms a trial beyond start-up | peak memory, MiB |")
    print("|---|---|---|---|")
    for count, runs in found.items():
        seconds, memory = (statistics.median(each) for each in zip(*runs, strict=True))
        each = f"{(seconds - start_up) / count * 1000:.1f}" if count > 2 else "-"
        print(f"| {count} | {seconds:.1f} | {each} | {memory:.0f} |")


if __name__ == "__main__":
    main()
