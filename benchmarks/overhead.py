"""What the service costs: a whole sweep against the same training with no service at all.

python -m benchmarks.overhead [--trials 400] [--epochs 32] [--repeats 5]

Digits, MLP 64-128-128-10. The sweep is a whole command; then its very trials are trained again by the bare loop, as
many lanes at once and stacked or in turns as the sweep had planned, without store, search or MLflow. What a sweep of
two trials takes is the start-up.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import yaml

from service.store import Store
from sweeps.jobs import trial_job
from sweeps.lanerecords import LanePlan
from sweeps.records import Budget, Ended, Job, Report
from sweeps.specfile import parse_spec
from workers.cohort import Cohort
from workers.fused.stacking import Stacking
from workers.loading import load_task
from workers.prepared import PreparedTask
from workers.process import set_up_process


def spec(trials: int, epochs: int) -> dict[str, object]:
    """The sweep: every optimizer under every schedule, ASHA off, so that every trial trains to its end."""
    return {
        "name": "overhead",
        "task": "digits",
        "budget": {"epochs": epochs},
        "optimizers": [{name: {"lr": {"low": 1e-4, "high": 0.1}}} for name in ("SGD", "Adam", "RMSprop")],
        "schedulers": ["none", "StepLR", "CosineAnnealingLR"],
        "pruner": "none",
        "range_test": "off",
        "trials": trials,
        "workers": 1,
    }


def sweep(trials: int, epochs: int) -> tuple[float, Path]:
    """Seconds of the whole command, and its store."""
    folder = Path(tempfile.mkdtemp(prefix="overhead-"))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(spec(trials, epochs)))
    command = ["-W", "ignore", "-c", "from service.cli.main import main; main()", "run", str(folder / "sweep.yaml")]
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"LRSWEEP_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began, folder / "home" / "lrsweep.db"


def trained(store: Path) -> tuple[LanePlan, list[Job]]:
    """How the sweep's worker trained, and what."""
    with Store.open(f"sqlite:///{store}") as opened:
        record = opened.sweep(opened.resolve("last"))
        parsed = parse_spec(record.spec)
        jobs = [
            replace(trial_job(parsed, trial.proposal, trial.epochs, None), rungs=(), budget=Budget(epochs=trial.epochs))
            for trial in opened.history(record.id)
            if trial.epochs
        ]
    assert record.lanes is not None
    return record.lanes, jobs


def bare(plan: LanePlan, jobs: list[Job]) -> float:
    """Seconds that these jobs take in the training loop alone."""
    prepared = PreparedTask.of(load_task("digits", {}).task, torch.device("cpu"))
    cohort = Cohort(prepared, fused=plan.fused, most=plan.count, stacking=Stacking(prepared, planned=plan.count))
    waiting = iter(jobs)
    began = time.perf_counter()
    _refill(cohort, waiting, plan.count)
    while len(cohort):
        cohort.admit()
        said = cohort.train_epoch()
        cohort.hear({each.key: None for each in said if isinstance(each, Report)})
        assert not any(isinstance(each, Ended) and each.error for each in said)
        _refill(cohort, waiting, plan.count)
    return time.perf_counter() - began


def _refill(cohort: Cohort, waiting: Iterator[Job], count: int) -> None:
    while len(cohort) < count and (job := next(waiting, None)) is not None:
        cohort.join([job])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    set_up_process(threads=1)
    print("| trials | bare training, s | start-up, s | whole sweep, s | whole / (bare + start-up) | lanes |")
    print("|---|---|---|---|---|---|")
    rows = []
    for _ in range(options.repeats):
        start_up, _ = sweep(2, 1)
        whole, store = sweep(options.trials, options.epochs)
        plan, jobs = trained(store)
        alone = bare(plan, jobs)
        rows.append((alone, start_up, whole, whole / (alone + start_up)))
        print(f"{rows[-1]}", file=sys.stderr, flush=True)
    median = [statistics.median(each) for each in zip(*rows, strict=True)]
    how = f"{plan.count} {'stacked' if plan.fused else 'in turns'}"
    print(f"| {options.trials} | {median[0]:.1f} | {median[1]:.1f} | {median[2]:.1f} | {median[3]:.2f} | {how} |")


if __name__ == "__main__":
    main()
