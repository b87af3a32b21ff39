"""Small records to fill stores with, and a sweep to fill."""

from typing import Any

import pytest

from service.store import Store, StoreRecorder
from sweeps.records import Ended, Outcome, Pick, Proposal, RangeTest, Report


class Make:
    """Builds records; what a test does not care about has a default."""

    def proposal(self, number: int = 0, **fields: Any) -> Proposal:
        defaults: dict[str, Any] = {
            "optimizer": "AdamW",
            "scheduler": "StepLR",
            "initial_lr": 10.0**-number,
            "optimizer_params": {"betas": (0.9, 0.999), "weight_decay": 0.01, "amsgrad": True},
            "scheduler_params": {"step_size": 3, "gamma": 0.5},
            "seed": number,
        }
        return Proposal(number=number, **defaults | fields)

    def report(self, epoch: int = 1, **fields: Any) -> Report:
        defaults: dict[str, Any] = {
            "key": "trial 0",
            "step": 2 * epoch,
            "metrics": {"train/loss": 1.0 / epoch, "val/loss": 2.0 / epoch},
            "lrs": (0.1, 0.01),
            "step_losses": (1.5 / epoch, 1.0 / epoch),
            "step_lrs": (0.1, 0.05),
            "seconds": 0.25 * epoch,
        }
        return Report(epoch=epoch, **defaults | fields)

    def ended(self, outcome: Outcome = Outcome.COMPLETE, **fields: Any) -> Ended:
        return Ended(key="trial 0", outcome=outcome, **fields)

    def range_test(self, optimizer: str = "SGD", **fields: Any) -> RangeTest:
        defaults: dict[str, Any] = {
            "initial_lr": 0.1,
            "low": 0.01,
            "high": 1.0,
            "trusted": False,
            "reasons": ("the loss never fell",),
            "seeds": (0, 1, 2),
            "lrs": (0.01, 0.1, 1.0),
            "losses": ((2.0, 1.0, 3.0), (), (2.5, float("inf"))),
        }
        return RangeTest(optimizer=optimizer, **defaults | fields)

    def pick(self, optimizer: str = "SGD", **fields: Any) -> Pick:
        defaults: dict[str, Any] = {
            "scheduler": "none",
            "initial_lr": 0.1,
            "value": 0.25,
            "params": {"SGD.momentum": 0.9, "SGD.betas": (0.9, 0.99)},
            "trials": (3, 1),
            "tried": 7,
            "low": 0.05,
            "high": 0.2,
            "notes": ("the best lies at the edge of the range",),
        }
        return Pick(optimizer=optimizer, **defaults | fields)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def sweep_id(store: Store) -> str:
    """A sweep that waits."""
    return store.create_sweep(name="digits", task="digits-mlp", spec={"trials": 4}, total_trials=4)


@pytest.fixture
def recorder(store: Store, sweep_id: str) -> StoreRecorder:
    """Its recorder."""
    return store.recorder(sweep_id)
