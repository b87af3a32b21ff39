"""Sweeps to report on: one with everything in it, and words that want to be more than words."""

import copy
import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store import Store
from sweeps.finding import warning
from sweeps.pickevidence import Luck
from sweeps.picknotes import luck_notes
from sweeps.records import Outcome
from tests.service.tracking.conftest import SPEC, STEPS, Sweep

HOSTILE = "<script>document.title='owned'</script>&\"'$x$_{y}"
"""A metric's name, a task's, an error: HTML to a browser, mathematics to matplotlib."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'lrsweep.db'}") as store:
        yield store


@pytest.fixture
def empty(store: Store) -> Sweep:
    """A sweep that has only begun."""
    return Sweep(store)


@pytest.fixture
def full(store: Store) -> Sweep:
    return full_sweep(store)


def full_sweep(store: Store, metric: str = HOSTILE, error: str = HOSTILE) -> Sweep:
    """Forty trials of two optimizers and three schedulers with every outcome, range tests, findings and picks."""
    spec = copy.deepcopy(SPEC) | {"trials": 40, "objective": {"metric": metric, "direction": "minimize"}}
    spec["budget"] = {"epochs": 9}
    sweep = Sweep(store, spec)
    sweep.range_test("SGD", interval=(0.004, 0.02))
    sweep.range_test("AdamW", trusted=False, reasons=(f"because of {error}",))
    draw = random.Random(0)
    for number in range(40):
        optimizer, scheduler = ("SGD", "AdamW")[number % 2], ("none", "StepLR", "CosineAnnealingLR")[number % 3]
        lr = 10 ** draw.uniform(-4, 0)
        outcome = list(Outcome)[number % 4] if number >= 20 else Outcome.COMPLETE
        params = {"momentum": draw.choice([0.0, 0.9])} if optimizer == "SGD" else {"weight_decay": 0.01}
        step_size = {"step_size": 3} if scheduler == "StepLR" else {}
        sweep.propose(
            number,
            optimizer=optimizer,
            scheduler=scheduler,
            initial_lr=lr,
            optimizer_params=params,
            scheduler_params=step_size,
        )
        epochs = 9 if outcome is Outcome.COMPLETE else number % 3 + (outcome is Outcome.PRUNED)
        value = 0.1 + (math.log10(lr) + 2) ** 2
        for epoch in range(1, epochs + 1):
            now = value + 1 / epoch
            metrics = {"train/loss": now, metric: now}
            lrs = tuple(lr * 0.9**epoch for _ in range(STEPS))
            sweep.report(number, epoch, now, metrics=metrics, lrs=(lr * 0.9**epoch,), step_lrs=lrs)
        failed = f"Traceback\nValueError: {error}" if outcome is Outcome.FAILED else None
        sweep.end(number, outcome, value + 1 / epochs if epochs else None, failed)
    lucky = Luck(noise=0.02, source="seeds", wins=0.625, optimism=0.0124, rivals=3)
    warned = (f"at the upper bound of {error}", *luck_notes(lucky))
    sweep.pick(0, 1, 2, notes=warned, luck=lucky)
    store.add_findings(sweep.id, [warning(f"optimizers[0].{error}", "it means nothing", "leave it out")])
    sweep.finish()
    return sweep
