"""A range test as points that MLflow can draw: its x axes are metrics like any other, so log10(LR) is one."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median

from service.tracking.metrics import RANGE_TEST_POINTS, stride
from service.tracking.naming import key_name
from service.tracking.writer import Point
from sweeps.medians import median_curve
from sweeps.objective import Objective
from sweeps.records import RangeTest
from sweeps.rules import smoothed

_EXPLODED = 2.0
"""Losses of so many times the first stay in the file: MLflow's linear axis would show nothing but them."""


def range_test_points(test: RangeTest, objective: Objective, start: datetime) -> list[Point]:
    """The medians over the seeds: losses and validation metrics by step, then what the probe's LRs came to.

    `range_test/log10_lr` and `probe/log10_lr` have the same steps as what goes with them: charts take them as x.
    """
    return [*_ramp(test, start), *_probe(test, objective, start)]


def _ramp(test: RangeTest, start: datetime) -> Iterator[Point]:
    losses, validated = _losses(test), _validated(test)
    for place in sorted({*losses, *validated}):
        at = start + timedelta(milliseconds=place)
        lr = {"log10_lr": math.log10(test.lrs[place])}
        for name, value in {**losses.get(place, {}), **validated.get(place, {}), **lr}.items():
            yield Point(name=key_name(f"range_test/{name}"), value=value, step=place + 1, at=at)


def _losses(test: RangeTest) -> dict[int, dict[str, float]]:
    """Loss and smoothed loss by step, from 0, as far as they have not exploded; a long ramp is thinned."""
    raw = median_curve(test.losses)
    smooth = median_curve([smoothed(losses) for losses in test.losses])
    found = {}
    for place in range(0, len(raw), stride(len(raw), RANGE_TEST_POINTS)):
        values = {"loss": raw[place], "loss_smoothed": smooth[place]}
        if shown := {name: value for name, value in values.items() if value <= _EXPLODED * raw[0]}:
            found[place] = shown
    return found


def _validated(test: RangeTest) -> dict[int, dict[str, float]]:
    """What was validated by step, from 0; a loss is shown as far as it has not exploded."""
    found: dict[int, dict[str, float]] = {}
    for name, curves in test.metrics.items():
        curve = median_curve(curves)
        for step, value in zip(test.metric_steps, curve, strict=False):
            if math.isfinite(value) and not ("loss" in name and value > _EXPLODED * abs(curve[0])):
                found.setdefault(step - 1, {})[name.replace("/", "_")] = value
    return found


def _probe(test: RangeTest, objective: Objective, start: datetime) -> Iterator[Point]:
    name = objective.metric.replace("/", "_")
    at = {
        lane.lr: [each.values[-1] for each in test.probe if each.lr == lane.lr and each.values] for lane in test.probe
    }
    for place, lr in enumerate(sorted(at), start=1):
        if at[lr]:
            for key, value in {name: median(at[lr]), "log10_lr": math.log10(lr)}.items():
                yield Point(name=key_name(f"probe/{key}"), value=value, step=place, at=start)
