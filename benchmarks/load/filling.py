"""Fills a store: some sweeps through its own recorder, which is timed, and copies of them to the number wanted."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Table, insert, literal, select, text

from service.records import Status
from service.store import Store, StoreRecorder
from service.store.tables import Base
from sweeps.records import Ended, Outcome, Pick, Proposal, Report

EPOCHS, STEPS, LANES = 10, 23, 8
"""A trial as of the digits example: ten epochs of 23 steps; eight lanes report at a time."""
SPEC = {
    "task": "digits",
    "budget": {"epochs": EPOCHS},
    "optimizers": ["AdamW"],
    "schedulers": ["none", "CosineAnnealingLR"],
    "trials": LANES,
}
_OWNER = "load"


@dataclass(slots=True)
class Costs:
    """Seconds by what was recorded, and how often."""

    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def timed(self, what: str, count: int = 1) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - began
        self.counts[what] = self.counts.get(what, 0) + count

    def milliseconds(self, what: str) -> float:
        return 1000 * self.seconds[what] / self.counts[what]


def proposal(number: int) -> Proposal:
    return Proposal(
        number=number,
        optimizer="AdamW",
        scheduler="CosineAnnealingLR",
        initial_lr=10 ** -(1 + number % 40 / 10),
        optimizer_params={"weight_decay": 0.01, "betas": (0.9, 0.999)},
        scheduler_params={"T_max": EPOCHS},
        seed=number,
    )


def report(number: int, epoch: int) -> Report:
    losses = tuple(2.3 * math.exp(-0.01 * (epoch * STEPS + step)) + 0.001 * (number % 7) for step in range(STEPS))
    return Report(
        key=f"trial {number}",
        epoch=epoch,
        step=epoch * STEPS,
        metrics={"train/loss": losses[-1], "val/loss": losses[-1] * 1.1, "val/accuracy": 0.9, "grad_norm": 0.5},
        lrs=(0.01,),
        step_losses=losses,
        step_lrs=tuple(0.01 * math.cos(0.001 * step) for step in range(STEPS)),
        seconds=0.1 * epoch,
    )


def record_trials(recorder: StoreRecorder, numbers: range, epochs: int, costs: Costs) -> None:
    """The trials of a few lanes, from their proposal to their end."""
    for number in numbers:
        with costs.timed("proposal"):
            recorder.proposed(proposal(number))
    for epoch in range(1, epochs + 1):
        reports = [(number, each := report(number, epoch), each.metrics["val/loss"]) for number in numbers]
        with costs.timed("epoch of a lane", len(reports)):
            recorder.reported(reports)
    for number in numbers:
        with costs.timed("end"):
            recorder.ended(number, Ended(key=f"trial {number}", outcome=Outcome.COMPLETE), 0.3)


def fill(store: Store, *, sweeps: int, trials: int) -> tuple[Costs, str]:
    """DONE sweeps of so many trials each; what recording the first cost, and its id."""
    costs = Costs()
    first = _new(store, trials)
    store.claim(first, _OWNER, 3600)
    recorder = store.recorder(first, _OWNER)
    for low in range(0, trials, LANES):
        record_trials(recorder, range(low, min(low + LANES, trials)), EPOCHS, costs)
    recorder.picked([_pick(scheduler) for scheduler in ("none", "CosineAnnealingLR")])
    store.finish(first, Status.DONE, owner=_OWNER)
    for _ in range(sweeps - 1):
        again = _new(store, trials)
        store.claim(again, _OWNER, 3600)
        with store.write() as session:
            for name in ("trials", "reports", "curves", "picks"):
                _copy(session.execute, Base.metadata.tables[name], first, again)
        store.finish(again, Status.DONE, owner=_OWNER)
    with store.write() as session:
        session.execute(text("ANALYZE"))
    return costs, first


def _new(store: Store, trials: int) -> str:
    return store.create_sweep(name="load", task="digits", spec={**SPEC, "trials": trials}, total_trials=trials)


def _copy(execute: object, table: Table, old: str, new: str) -> None:
    columns = [column for column in table.columns if column.name not in ("id", "sweep_id")]
    rows = select(literal(new), *columns).where(table.c.sweep_id == old)
    execute(insert(table).from_select(["sweep_id", *(column.name for column in columns)], rows))  # type: ignore[operator]


def _pick(scheduler: str) -> Pick:
    return Pick(
        optimizer="AdamW",
        scheduler=scheduler,
        initial_lr=0.01,
        value=0.3,
        params={"AdamW.weight_decay": 0.01},
        trials=(0, 1, 2),
        tried=100,
        low=0.005,
        high=0.02,
        notes=(),
    )
