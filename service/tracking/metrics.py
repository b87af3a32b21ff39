"""Which points of a trial are worth a place in MLflow: every epoch, and a thinned line of steps."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime

from service.records import Curve, ReportRecord
from service.tracking.naming import key_name
from service.tracking.writer import Point
from sweeps.groups import ParamGroup, group_names

_STEP_POINTS = 200
"""Points of `train/loss_step` a trial: as many as a chart can show."""

RANGE_TEST_POINTS = 1000


def stride(steps: int, points: int = _STEP_POINTS) -> int:
    """Every how many steps one is kept, so that about `points` remain.

    >>> stride(100), stride(1000)
    (1, 5)
    """
    return max(1, math.ceil(steps / points))


def epoch_points(report: ReportRecord, groups: Sequence[ParamGroup]) -> Iterator[Point]:
    """The metrics after an epoch and the LR at its start, one line for each param group where there are several."""
    for name, value in report.metrics.items():
        yield Point(name=key_name(name), value=value, step=report.epoch, at=report.at)
    names = group_names(groups, len(report.lrs))
    for group, lr in zip(names, report.lrs, strict=True):
        name = "lr" if len(names) == 1 else key_name(f"lr/{group}")
        yield Point(name=name, value=lr, step=report.epoch, at=report.at)


def step_points(
    reports: Sequence[ReportRecord], curve: Curve, groups: Sequence[ParamGroup], *, after: int, every: int
) -> Iterator[Point]:
    """The training loss of the epochs' steps, thinned: the first step and every `every`-th; a cycled momentum, too.

    `reports` are one trial's, in order; `after` is the step that the first of them began at. Which steps are
    kept depends on the step alone, so that a line sent in other portions is the same line. A group's LR is among
    them where it moves within an epoch: else `lr` says it all.
    """
    lines = {"train/loss_step": curve.losses, **{_step_name(name): line for name, line in curve.more.items()}}
    for report in reports:
        low, high = bisect_right(curve.steps, after), bisect_right(curve.steps, report.step)
        after = report.step
        names = group_names(groups, len(report.lrs))
        first = "lr_step" if len(names) == 1 else _step_name(f"lr/{names[0]}")
        kept = [place for place in range(low, high) if curve.steps[place] == 1 or curve.steps[place] % every == 0]
        for name, line in {**lines, first: curve.lrs}.items():
            if name.startswith("lr_step") and len(set(line[low:high])) < 2:
                continue
            for place in kept:
                yield Point(name=name, value=line[place], step=curve.steps[place], at=report.at)


def _step_name(series: str) -> str:
    """What a series of steps is called in MLflow, where `lr/<group>` is a line of epochs.

    >>> _step_name("lr/head"), _step_name("momentum")
    ('lr_step/head', 'momentum')
    """
    return key_name(f"lr_step/{series.removeprefix('lr/')}" if series.startswith("lr/") else series)


def diverged_at(report: ReportRecord) -> str | None:
    """The sentence about a report with a metric that is no number; None if all are.

    >>> from datetime import datetime
    >>> diverged_at(ReportRecord(id=1, number=0, epoch=3, step=30, metrics={"val/loss": float("inf")},
    ...     lrs=(0.1,), seconds=1.0, at=datetime(2026, 1, 1)))
    'val/loss was inf after epoch 3'
    """
    bad = [f"{name} was {value}" for name, value in report.metrics.items() if not math.isfinite(value)]
    return f"{', '.join(bad)} after epoch {report.epoch}" if bad else None


def objective_points(value: float, *, logarithmic: bool, at: datetime) -> list[Point]:
    """What a trial came to and, for charts that have no logarithmic axis of it either, its log10 where it has one."""
    values = {"objective": value}
    if logarithmic and value > 0:
        values["log10_objective"] = math.log10(value)
    return [Point(name=name, value=each, step=0, at=at) for name, each in values.items()]


def lr_points(initial_lr: float, *, at: datetime) -> list[Point]:
    """The initial LR as metrics: MLflow sorts only those as numbers, and has logarithmic x axes for steps alone."""
    values = {"initial_lr": initial_lr, "log10_initial_lr": math.log10(initial_lr)}
    return [Point(name=name, value=value, step=0, at=at) for name, value in values.items()]
