"""What the number of lanes does to the search: the best validation loss of a sweep over how many trials run at once.

python -m benchmarks.search [--trials 64] [--seeds 5] [--first 0] [--lanes 1,4,8,16,32,auto] [--pruners asha,none]

More lanes mean that a proposal knows fewer results. Digits, as in benchmarks.sweeps: trials start from the seed that
the search has; no store and no MLflow. The baseline is Optuna's own TPE with its default pruner, one trial after
another (benchmarks.contenders.trial). What a search costs is counted in epochs that its trials trained, which no other
work on the machine changes.
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna

from benchmarks.contenders.trial import HIGH, LOW, OPTIMIZERS, SCHEDULERS, train
from benchmarks.sweeps import SPEC
from sweeps.coordinator import Coordinator, Past
from sweeps.records import Pick, Reported
from sweeps.specfile import parse_spec
from workers.inline import InlineRunner
from workers.tasks.digits import DigitsMLP


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best value of every pair, best first, and the epochs that all trials trained."""

    values: list[float]
    epochs: int


class Best:
    """A Recorder that keeps the picks, counts epochs and forgets all else."""

    picks: list[Pick]
    epochs: int = 0

    def picked(self, picks: list[Pick]) -> None:
        self.picks = picks

    def reported(self, epochs: Sequence[Reported]) -> None:
        self.epochs += len(epochs)

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


def ours(trials: int, lanes: str, pruner: str, seed: int) -> Found:
    """A sweep of ours in this process, with so many lanes or as many as `auto` takes."""
    given = "auto" if lanes == "auto" else {"count": int(lanes), "mode": "fused"}
    spec = {**SPEC, "trials": trials, "seed": seed, "seeds": [seed], "pruner": pruner, "lanes": given}
    best = Best()
    runner = InlineRunner(DigitsMLP)
    Coordinator(parse_spec(spec), runner, best).run(Past())
    runner.close()
    return Found(values=sorted(pick.value for pick in best.picks), epochs=best.epochs)


def plain(trials: int, seed: int) -> Found:
    """The same of Optuna alone."""
    found: dict[tuple[str, str], float] = {}
    epochs = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal epochs
        pair = (
            trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
            trial.suggest_categorical("scheduler", list(SCHEDULERS)),
        )
        config = {"optimizer": pair[0], "scheduler": pair[1], "lr": trial.suggest_float("lr", LOW, HIGH, log=True)}
        best = math.inf
        for epoch, metrics in enumerate(train(config, seed)):
            epochs += 1
            if not math.isfinite(metrics["val_loss"]):
                break
            best = min(best, metrics["val_loss"])
            found[pair] = min(found.get(pair, math.inf), best)
            trial.report(metrics["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return best

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    return Found(values=sorted(found.values()), epochs=epochs)


def row(name: str, runs: Sequence[Found]) -> str:
    """One row: the best pair, the median over the pairs, and the epochs."""
    best = [run.values[0] for run in runs]
    spread = f"{min(best):.4f} .. {max(best):.4f}"
    middle = statistics.median(statistics.median(run.values) for run in runs)
    epochs = statistics.median(run.epochs for run in runs)
    typical = f"{statistics.median(best):.4f} | {statistics.mean(best):.4f}"
    return f"| {name} | {typical} | {spread} | {middle:.4f} | {epochs:g} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--lanes", default="1,4,8,16,32,auto")
    parser.add_argument("--pruners", default="asha,none")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    print(f"| {options.trials} trials | best val loss, median | mean | spread | median pair, median | epochs |")
    print("|---|---|---|---|---|---|")
    print(row("Optuna alone", [plain(options.trials, seed) for seed in seeds]), flush=True)
    for pruner in options.pruners.split(","):
        for lanes in options.lanes.split(","):
            runs = [ours(options.trials, lanes, pruner, seed) for seed in seeds]
            print(row(f"{lanes} lanes, {pruner}", runs), flush=True)


if __name__ == "__main__":
    main()
