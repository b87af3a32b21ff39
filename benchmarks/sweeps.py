"""Whole sweeps side by side: lrsweep, plain Optuna with MLflow, and Ray Tune, each a command from start to finish.

python -m benchmarks.sweeps [--trials 32] [--repeats 5] [--contenders lrsweep,optuna,tune-reuse,tune]

Digits, MLP 64-128-128-10, batch 64, 10 epochs; SGD, Adam, RMSprop x none, StepLR, cosine; curves in MLflow at the end.
Every round runs each contender once, so that a busy moment of the machine hits all of them alike. All trials of a round
start from its number as their seed, everyone's, since one start may be lucky; ours searches with it as well, the others
with none: no best value is one draw that is repeated.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

SPEC = {
    "name": "bench",
    "task": "digits",
    "budget": {"epochs": 10},
    "optimizers": ["SGD", "Adam", "RMSprop"],
    "schedulers": ["none", "StepLR", "CosineAnnealingLR"],
    "workers": 1,
}


def lrsweep(folder: Path, trials: int, seed: int) -> list[str]:
    """Our command, with nothing said but the sweep itself."""
    (folder / "sweep.yaml").write_text(yaml.safe_dump({**SPEC, "trials": trials, "seed": seed, "seeds": [seed]}))
    return ["-c", "from service.cli.main import main; main()", "run", str(folder / "sweep.yaml"), "--json"]


def module(name: str, *flags: str) -> Callable[[Path, int, int], list[str]]:
    """The command of a contender."""
    return lambda folder, trials, seed: [
        "-m",
        f"benchmarks.contenders.{name}",
        *map(str, (folder, trials, seed)),
        *flags,
    ]


CONTENDERS: Mapping[str, Callable[[Path, int, int], list[str]]] = {
    "lrsweep": lrsweep,
    "optuna": module("plain_optuna"),
    "tune-reuse": module("ray_tune", "--reuse"),
    "tune": module("ray_tune"),
}


def measure(name: str, trials: int, seed: int) -> tuple[float, float]:
    """Seconds of one whole command, and the best validation loss that it found."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    command = [sys.executable, "-W", "ignore", *CONTENDERS[name](folder, trials, seed)]
    environment = os.environ | {"LRSWEEP_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return time.perf_counter() - began, _best(done.stdout)


def _best(output: str) -> float:
    if output.lstrip().startswith("{"):
        return min(pick["value"] for pick in yaml.safe_load(output)["picks"])
    return float(next(line for line in output.splitlines() if line.startswith("best ")).split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    options = parser.parse_args()
    names = options.contenders.split(",")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for seed in range(options.repeats):
        for name in names:
            found[name].append(measure(name, options.trials, seed))
            print(f"{name}: {found[name][-1][0]:.1f} s, best {found[name][-1][1]:.4f}", file=sys.stderr, flush=True)
    ours = statistics.median(seconds for seconds, _ in found[names[0]])
    print(f"| {options.trials} trials | median, s | spread, s | times {names[0]} | best val loss, median |")
    print("|---|---|---|---|---|")
    for name, runs in found.items():
        times, bests = zip(*runs, strict=True)
        median = statistics.median(times)
        spread = f"{min(times):.1f} .. {max(times):.1f}"
        print(f"| {name} | {median:.1f} | {spread} | {median / ours:.1f} | {statistics.median(bests):.4f} |")


if __name__ == "__main__":
    main()
