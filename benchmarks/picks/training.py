"""Trains lanes of one task, stacked, and keeps what the objective was in the end."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sweeps.objective import Objective
from sweeps.records import Budget, Ended, Job, Outcome, Ramp, Report
from workers.cohort import Cohort
from workers.fused.stacking import Stacking
from workers.prepared import PreparedTask

OPTIMIZERS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "SGD": ("SGD", {}),
    "SGD with momentum": ("SGD", {"momentum": 0.9}),
    "Adam": ("Adam", {}),
    "RMSprop": ("RMSprop", {}),
    "Adagrad": ("Adagrad", {}),
}
"""What picks are made for: torch's class and its arguments."""
SCHEDULERS: Mapping[str, str] = {"constant": "none", "cosine": "CosineAnnealingLR"}
OBJECTIVE = Objective(value="last")
_MOST = 256
"""Lanes that are stacked at once."""


def job(optimizer: str, schedule: str, lr: float, seed: int, epochs: int) -> Job:
    """One training; its key says all of it but the task and the budget."""
    name, params = OPTIMIZERS[optimizer]
    return Job(
        key=f"{optimizer}, {schedule}, {lr!r}, seed {seed}",
        optimizer=name,
        optimizer_params=params,
        scheduler=SCHEDULERS[schedule],
        initial_lr=lr,
        seed=seed,
        budget=Budget(epochs=epochs),
        objective=OBJECTIVE,
    )


def ramp_job(optimizer: str, ramp: Ramp, seed: int) -> Job:
    """One seed of a range test."""
    name, params = OPTIMIZERS[optimizer]
    return Job(
        key=f"{optimizer}, {ramp.low:g}..{ramp.high:g}, seed {seed}",
        optimizer=name,
        optimizer_params=params,
        scheduler="none",
        initial_lr=ramp.low,
        seed=seed,
        budget=Budget(steps=ramp.steps),
        objective=OBJECTIVE,
        ramp=ramp,
    )


def seconds(prepared: PreparedTask, jobs: Sequence[Job], *, fused: bool) -> float:
    """CPU seconds of these trainings, stacked or one after another."""
    began = time.process_time()
    cohort = Cohort(prepared, fused=fused, most=len(jobs))
    cohort.join(jobs)
    for said in reports(cohort):
        cohort.hear({each.key: None for each in said})
    return time.process_time() - began


def reports(cohort: Cohort) -> Iterable[list[Report]]:
    """What the lanes of a cohort report, epoch by epoch, until none is left; the caller lets them go on."""
    while len(cohort):
        begun = cohort.admit()
        said = cohort.train_epoch()
        failed = [each for each in (*begun, *said) if isinstance(each, Ended) and each.outcome is Outcome.FAILED]
        assert not failed, failed[0].error
        yield [each for each in said if isinstance(each, Report)]


def value_of(report: Report) -> float:
    """The objective after an epoch; infinite once a loss was not finite."""
    value = report.metrics.get(OBJECTIVE.metric, math.inf)
    return value if all(map(math.isfinite, (value, *report.step_losses))) else math.inf


def train(
    prepared: PreparedTask,
    jobs: Sequence[Job],
    read: Callable[[Report], list[float]],
    stacking: Stacking | None = None,
) -> dict[str, list[float]]:
    """What is read off every report, in one row a job, by its key."""
    cohort = Cohort(prepared, fused=True, most=_MOST, stacking=stacking)
    cohort.join(jobs)
    curves: dict[str, list[float]] = {each.key: [] for each in jobs}
    for said in reports(cohort):
        for report in said:
            curves[report.key] += read(report)
        cohort.hear({report.key: None for report in said})
    assert cohort.fused, "the stacked lanes gave up"
    return curves


class Finals:
    """The objective at the end of trainings of one task, kept in a file: what was trained once is not trained again."""

    def __init__(self, prepared: PreparedTask, file: Path):
        self._prepared, self._file = prepared, file
        self._known: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}

    def of(self, jobs: Sequence[Job]) -> list[float]:
        """The final objective of each job, [jobs]; infinite for one that exploded."""
        missing = list({each.key: each for each in jobs if each.key not in self._known}.values())
        for start in range(0, len(missing), _MOST):
            curves = train(self._prepared, missing[start : start + _MOST], lambda report: [value_of(report)])
            self._known |= {key: curve[-1] for key, curve in curves.items()}
        if missing:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._known))
        return [self._known[each.key] for each in jobs]
