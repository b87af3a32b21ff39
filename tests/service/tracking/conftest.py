"""A store, an MLflow of each kind, and a sweep to show in it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from service.home import Home
from service.records import Status
from service.store import Store
from service.tracking.client import open_client
from sweeps.records import Ended, Outcome, Pick, Proposal, RangeTest, Report, TaskInfo
from tests.service.mlflow_server import home_in

SPEC: dict[str, Any] = {
    "name": "demo",
    "task": "digits",
    "budget": {"epochs": 4},
    "optimizers": ["SGD", "AdamW"],
    "schedulers": ["none", "StepLR", "CosineAnnealingLR"],
    "trials": 8,
}
STEPS = 10


class Sweep:
    """A sweep that is written to the store as a coordinator would, one word a thing that happens."""

    def __init__(self, store: Store, spec: dict[str, Any] = SPEC):
        self.store = store
        self.id = store.create_sweep(name=spec["name"], task=spec["task"], spec=spec, total_trials=spec["trials"])
        self.record = store.recorder(self.id)
        self.run()
        self.record.probed(TaskInfo(steps_per_epoch=STEPS))

    def run(self) -> None:
        self.store.claim(self.id, "me@here", 60.0)

    def range_test(self, optimizer: str = "SGD", **fields: Any) -> None:
        lrs = tuple(1e-4 * 1.2**step for step in range(50))
        fall = tuple(2.0 - 0.03 * step for step in range(45))
        defaults: dict[str, Any] = {
            "initial_lr": 0.01,
            "low": 0.001,
            "high": 0.3,
            "trusted": True,
            "reasons": (),
            "seeds": (0, 1),
            "lrs": lrs,
            "losses": ((*fall, 3.0, 9.0, 90.0), (*fall, 4.0)),
        }
        self.record.range_tested(RangeTest(optimizer=optimizer, **defaults | fields))

    def propose(self, number: int, **fields: Any) -> None:
        defaults: dict[str, Any] = {
            "optimizer": "SGD",
            "scheduler": "StepLR",
            "initial_lr": 0.1 / (number + 1),
            "optimizer_params": {"momentum": 0.9},
            "scheduler_params": {"step_size": 2, "gamma": 0.1},
            "seed": 0,
        }
        self.record.proposed(Proposal(number=number, **defaults | fields))

    def report(self, number: int, epoch: int, loss: float | None = None, **fields: Any) -> None:
        loss = 1.0 / (epoch + number) if loss is None else loss
        defaults: dict[str, Any] = {
            "step": epoch * STEPS,
            "metrics": {"train/loss": loss * 0.9, "val/loss": loss, "val/accuracy": 1 - loss / 2},
            "lrs": (0.1,),
            "step_losses": tuple(loss + step / 100 for step in range(STEPS)),
            "step_lrs": (0.1,) * STEPS,
            "seconds": float(epoch),
        }
        self.record.reported([(number, Report(key=f"trial {number}", epoch=epoch, **defaults | fields), loss)])

    def end(
        self,
        number: int,
        outcome: Outcome = Outcome.COMPLETE,
        value: float | None = None,
        error: str | None = None,
    ) -> None:
        self.record.ended(number, Ended(key=f"trial {number}", outcome=outcome, error=error), value)

    def train(self, number: int, epochs: int = 4, outcome: Outcome = Outcome.COMPLETE, **fields: Any) -> None:
        """A whole trial."""
        self.propose(number, **fields)
        for epoch in range(1, epochs + 1):
            self.report(number, epoch)
        self.end(number, outcome, 1.0 / (epochs + number))

    def pick(self, *numbers: int, **fields: Any) -> None:
        """Picks of a scheduler each, best first."""
        schedulers = ("StepLR", "none", "CosineAnnealingLR")
        defaults: dict[str, Any] = {"params": {"SGD.momentum": 0.9}, "tried": 3, "low": 0.01, "high": 0.2}
        self.record.picked(
            [
                Pick(
                    optimizer="SGD",
                    scheduler=scheduler,
                    initial_lr=0.1 / (number + 1),
                    value=1.0 / (4 + number),
                    trials=(number,),
                    **defaults | fields,
                )
                for number, scheduler in zip(numbers, schedulers, strict=False)
            ]
        )

    def finish(self, status: Status = Status.DONE, error: str | None = None) -> None:
        self.store.finish(self.id, status, error)


@dataclass
class Shown:
    """Everything that MLflow holds of one run."""

    id: str
    name: str
    status: str
    start: int
    end: int | None
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, list[tuple[int, int, float]]] = field(repr=False)
    """(step, time, value), sorted, by name."""

    def values(self, name: str) -> dict[int, float]:
        """The values of a metric by step; a step that is there twice fails the test."""
        points = self.metrics.get(name, [])
        assert len({step for step, _, _ in points}) == len(points), f"{name} has a step twice"
        return {step: value for step, _, value in points}


class Look:
    """Reads back what MLflow shows of a sweep."""

    def __init__(self, home: Home, sweep: Sweep):
        self.client = open_client(home)
        self._sweep = sweep

    def runs(self) -> dict[str, Shown]:
        """All runs of the sweep: 'sweep', 'trial 3', 'range test SGD'. Two of the same fail the test."""
        place = self._sweep.store.sweep(self._sweep.id).mlflow
        assert place is not None
        found: dict[str, Shown] = {}
        for run in self.client.search_runs([place.experiment_id], max_results=1000):
            tags = run.data.tags
            if tags.get("lrsweep.sweep") != self._sweep.id:
                continue
            kind = tags["lrsweep.kind"]
            key = {
                "sweep": "sweep",
                "trial": f"trial {tags.get('lrsweep.trial')}",
                "range_test": f"range test {tags.get('lrsweep.range_test')}",
            }[kind]
            assert key not in found, f"{key} has two runs"
            found[key] = Shown(
                id=run.info.run_id,
                name=run.info.run_name,
                status=run.info.status,
                start=run.info.start_time,
                end=run.info.end_time,
                params=run.data.params,
                tags=tags,
                metrics={
                    name: sorted(
                        (point.step, point.timestamp, point.value)
                        for point in self.client.get_metric_history(run.info.run_id, name)
                    )
                    for name in run.data.metrics
                },
            )
        return found

    def files(self, run_id: str, folder: str | None = None) -> set[str]:
        """The artifacts of a run, by path."""
        found = set()
        for item in self.client.list_artifacts(run_id, folder):
            found |= self.files(run_id, item.path) if item.is_dir else {item.path}
        return found

    def text(self, run_id: str, path: str, folder: Path) -> str:
        """The content of an artifact."""
        return Path(self.client.download_artifacts(run_id, path, str(folder))).read_text()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'lrsweep.db'}") as store:
        yield store


@pytest.fixture
def sweep(store: Store) -> Sweep:
    return Sweep(store)


@pytest.fixture
def home(tmp_path: Path, new_mlflow: Path) -> Home:
    """A home with an embedded MLflow."""
    shutil.copy(new_mlflow, tmp_path / "mlflow.db")
    return home_in(tmp_path)


@pytest.fixture
def look(home: Home, sweep: Sweep) -> Look:
    return Look(home, sweep)
