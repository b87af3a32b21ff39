"""python -m benchmarks.contenders.plain_optuna FOLDER TRIALS SEED: Optuna in one process, MLflow logged every epoch."""

import math
import sys
from functools import partial
from pathlib import Path

import mlflow
import optuna

from benchmarks.contenders.trial import HIGH, LOW, OPTIMIZERS, SCHEDULERS, train


def objective(seed: int, trial: optuna.Trial) -> float:
    """Trains one trial with Optuna's own pruning, its curves in MLflow."""
    config = {
        "optimizer": trial.suggest_categorical("optimizer", list(OPTIMIZERS)),
        "scheduler": trial.suggest_categorical("scheduler", list(SCHEDULERS)),
        "lr": trial.suggest_float("lr", LOW, HIGH, log=True),
    }
    best = math.inf
    with mlflow.start_run():
        mlflow.log_params(config)
        for epoch, metrics in enumerate(train(config, seed)):
            mlflow.log_metrics(metrics, step=epoch)
            if not math.isfinite(metrics["val_loss"]):
                break
            best = min(best, metrics["val_loss"])
            trial.report(metrics["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
    return best


def main() -> None:
    folder, trials, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment("plain")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", direction="minimize")
    study.optimize(partial(objective, seed), n_trials=trials)
    print(f"best {study.best_value:.6f}")


if __name__ == "__main__":
    main()
