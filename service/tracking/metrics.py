"""Which points of a trial are worth a place in MLflow: every epoch, and a thinned line of steps."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime

from service.records import Curve, ReportRecord
from service.tracking.naming import key_name
from service.tracking.writer import Point

_STEP_POINTS = 200
"""Points of `train/loss_step` a trial: as many as a chart can show."""

RANGE_TEST_POINTS = 1000


def stride(steps: int, points: int = _STEP_POINTS) -> int:
    """Every how many steps one is kept, so that about `points` remain.

    >>> stride(100), stride(1000)
    (1, 5)
    """
    return max(1, math.ceil(steps / points))


def epoch_points(report: ReportRecord) -> Iterator[Point]:
    """The metrics after an epoch and the LR at its start, one line for each param group that has its own."""
    for name, value in report.metrics.items():
        yield Point(name=key_name(name), value=value, step=report.epoch, at=report.at)
    for group, lr in enumerate(report.lrs):
        name = "lr" if len(report.lrs) == 1 else f"lr/group_{group}"
        yield Point(name=name, value=lr, step=report.epoch, at=report.at)


def step_points(reports: Sequence[ReportRecord], curve: Curve, *, after: int, every: int) -> Iterator[Point]:
    """The training loss of the epochs' steps, thinned: the first step and every `every`-th.

    `reports` are one trial's, in order; `after` is the step that the first of them began at. Which steps are
    kept depends on the step alone, so that a line sent in other portions is the same line. The LR is among
    them where it moves within an epoch: else `lr` says it all.
    """
    for report in reports:
        low, high = bisect_right(curve.steps, after), bisect_right(curve.steps, report.step)
        after = report.step
        lrs = curve.lrs[low:high]
        moves = bool(lrs) and min(lrs) != max(lrs)
        for place in range(low, high):
            step = curve.steps[place]
            if step == 1 or step % every == 0:
                yield Point(name="train/loss_step", value=curve.losses[place], step=step, at=report.at)
                if moves:
                    yield Point(name="lr_step", value=curve.lrs[place], step=step, at=report.at)


def diverged_at(report: ReportRecord) -> str | None:
    """The sentence about a report with a metric that is no number; None if all are.

    >>> from datetime import datetime
    >>> diverged_at(ReportRecord(id=1, number=0, epoch=3, step=30, metrics={"val/loss": float("inf")},
    ...     lrs=(0.1,), seconds=1.0, at=datetime(2026, 1, 1)))
    'val/loss was inf after epoch 3'
    """
    bad = [f"{name} was {value}" for name, value in report.metrics.items() if not math.isfinite(value)]
    return f"{', '.join(bad)} after epoch {report.epoch}" if bad else None


def lr_points(initial_lr: float, *, at: datetime) -> list[Point]:
    """The initial LR as metrics: MLflow sorts only those as numbers, and has logarithmic x axes for steps alone."""
    values = {"initial_lr": initial_lr, "log10_initial_lr": math.log10(initial_lr)}
    return [Point(name=name, value=value, step=0, at=at) for name, value in values.items()]
