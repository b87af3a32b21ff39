"""python -m benchmarks.contenders.ray_tune FOLDER TRIALS SEED [--reuse]: Ray Tune with Optuna, ASHA and MLflow."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers.rayenv import prepare_ray

prepare_ray(local=True)

import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.air.integrations.mlflow import MLflowLoggerCallback  # noqa: E402
from ray.tune.schedulers import ASHAScheduler  # noqa: E402
from ray.tune.search.optuna import OptunaSearch  # noqa: E402

from benchmarks.contenders.trial import EPOCHS, HIGH, LOW, OPTIMIZERS, SCHEDULERS, train  # noqa: E402


class Digits(tune.Trainable):  # type: ignore[misc]
    """One trial; the next one may take its actor over."""

    def setup(self, config: dict[str, Any]) -> None:
        self._epochs: Iterator[dict[str, float]] = train(config, config["seed"])
        self._done = 0

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        self._done += 1
        return {**next(self._epochs), "done": self._done == EPOCHS}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is kept: this comparison is about time."""


def main() -> None:
    folder, trials, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    ray.init(
        num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", logging_level="ERROR", log_to_driver=False
    )
    space = {
        "optimizer": tune.choice(list(OPTIMIZERS)),
        "scheduler": tune.choice(list(SCHEDULERS)),
        "lr": tune.loguniform(LOW, HIGH),
        "seed": seed,
    }
    logger = MLflowLoggerCallback(tracking_uri=f"sqlite:///{folder}/mlflow.db", experiment_name="tune")
    tuner = tune.Tuner(
        tune.with_resources(Digits, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="val_loss",
            mode="min",
            search_alg=OptunaSearch(),
            scheduler=ASHAScheduler(max_t=EPOCHS),
            num_samples=trials,
            max_concurrent_trials=2,
            reuse_actors="--reuse" in sys.argv,
        ),
        run_config=tune.RunConfig(storage_path=str(folder / "tune"), callbacks=[logger], verbose=0),
    )
    frame = tuner.fit().get_dataframe(filter_metric="val_loss", filter_mode="min")
    print(f"best {frame['val_loss'].min():.6f}")


if __name__ == "__main__":
    main()
