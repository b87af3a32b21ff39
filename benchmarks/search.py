"""What the number of lanes does to the search: the best validation loss of a sweep over how many trials run at once.

python -m benchmarks.search [--trials 64] [--seeds 5] [--lanes 1,4,8,16,32] [--pruners asha,none]

More lanes mean that a proposal knows fewer results. Digits, as in benchmarks.sweeps; no store and no MLflow. The
baseline is Optuna's own TPE with its default pruner, one trial after another (benchmarks.contenders.trial).
"""

import argparse
import math
import statistics
from typing import Any

import optuna

from benchmarks.contenders.trial import HIGH, LOW, OPTIMIZERS, SCHEDULERS, train
from benchmarks.sweeps import SPEC
from sweeps.coordinator import Coordinator, Past
from sweeps.records import Pick
from sweeps.specfile import parse_spec
from workers.inline import InlineRunner
from workers.tasks.digits import DigitsMLP


class Best:
    """A Recorder that keeps the picks and forgets all else."""

    picks: list[Pick]

    def picked(self, picks: list[Pick]) -> None:
        self.picks = picks

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


def ours(trials: int, lanes: int, pruner: str, seed: int) -> list[float]:
    """The best value of every pair, best first."""
    spec = {**SPEC, "trials": trials, "seed": seed, "pruner": pruner, "lanes": {"count": lanes, "mode": "fused"}}
    best = Best()
    runner = InlineRunner(DigitsMLP)
    Coordinator(parse_spec(spec), runner, best).run(Past())
    runner.close()
    return sorted(pick.value for pick in best.picks)


def plain(trials: int, seed: int) -> list[float]:
    """The same of Optuna alone."""
    found: dict[tuple[str, str], float] = {}

    def objective(trial: optuna.Trial) -> float:
        pair = (
            trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
            trial.suggest_categorical("scheduler", list(SCHEDULERS)),
        )
        config = {"optimizer": pair[0], "scheduler": pair[1], "lr": trial.suggest_float("lr", LOW, HIGH, log=True)}
        best = math.inf
        for epoch, metrics in enumerate(train(config)):
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
    return sorted(found.values())


def row(name: str, runs: list[list[float]]) -> str:
    """One row: the best pair, and the median over the pairs."""
    best = [values[0] for values in runs]
    middle = [statistics.median(values) for values in runs]
    spread = f"{min(best):.4f} .. {max(best):.4f}"
    return f"| {name} | {statistics.median(best):.4f} | {spread} | {statistics.median(middle):.4f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lanes", default="1,4,8,16,32")
    parser.add_argument("--pruners", default="asha,none")
    options = parser.parse_args()
    print(f"| {options.trials} trials | best val loss, median | spread | median pair, median |\n|---|---|---|---|")
    print(row("Optuna alone", [plain(options.trials, seed) for seed in range(options.seeds)]), flush=True)
    for pruner in options.pruners.split(","):
        for lanes in map(int, options.lanes.split(",")):
            runs = [ours(options.trials, lanes, pruner, seed) for seed in range(options.seeds)]
            print(row(f"{lanes} lanes, {pruner}", runs), flush=True)


if __name__ == "__main__":
    main()
