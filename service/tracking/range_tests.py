"""A range test's run: its curve over the LR, its plot, and the bounds that were read off it."""

import csv
import io
import math
import zlib
from datetime import UTC, datetime, timedelta

from service import plots
from service.plots.palette import RANGE_TEST_COLOUR
from service.plots.range_tests import median_curve
from service.records import SweepRecord, TrialRecord
from service.tracking.context import Context, began
from service.tracking.links import artifact_address
from service.tracking.metrics import RANGE_TEST_POINTS, lr_points, stride
from service.tracking.note import range_test_note
from service.tracking.runs import SHOWN_TAG, range_test_key
from service.tracking.writer import Point
from sweeps.records import RangeTest
from sweeps.rules import smoothed

_PLOT = "range_test.png"

_EXPLODED = 2.0
"""Losses of so many times the first stay in the file: MLflow's linear axis would show nothing but them."""


def show_range_test(context: Context, sweep: SweepRecord, test: RangeTest, first_trial: TrialRecord | None) -> str:
    """Logs a range test, unless it is there already, and returns the id of its run."""
    state, start = _state(test), began(sweep)
    run = context.runs.open(
        range_test_key(test.optimizer),
        name=f"range test {test.optimizer}",
        tags={
            "mlflow.parentRunId": context.parent,
            "mlflow.runColor": RANGE_TEST_COLOUR,
            "outcome": "trusted" if test.trusted else "not trusted",
            "origin": "range test",
        },
        started=start,
        shown=state,
    )
    if run.complete:
        return run.id
    params = {
        "optimizer": test.optimizer,
        "initial_lr": repr(test.initial_lr),
        "low": repr(test.low),
        "high": repr(test.high),
        "steps": str(len(test.lrs)),
        "seeds": ", ".join(map(str, test.seeds)),
    }
    writer = context.writer
    writer.params(run.id, {key: value for key, value in params.items() if key not in run.params})
    writer.metrics(run.id, _points(test, start))
    writer.metrics(run.id, lr_points(test.initial_lr, at=start))
    writer.tags(run.id, {"mlflow.note.content": range_test_note(test, artifact_address(run.id, _PLOT))})
    # The store keeps no times of range tests; they all end before the first trial begins.
    next_thing = first_trial.started if first_trial else None
    writer.status(run.id, "FINISHED", next_thing or sweep.ended or datetime.now(UTC))
    plot = plots.range_tests([test])
    assert plot is not None
    writer.later(run.id, {_PLOT: plot, "range_test.csv": _table(test)}, {SHOWN_TAG: state})
    return run.id


def _points(test: RangeTest, start: datetime) -> list[Point]:
    raw = median_curve(test.losses)
    smooth = median_curve([smoothed(losses) for losses in test.losses])
    points = []
    for place in range(0, len(raw), stride(len(raw), RANGE_TEST_POINTS)):
        at = start + timedelta(milliseconds=place)
        values = {"loss": raw[place], "loss_smoothed": smooth[place]}
        shown = {name: value for name, value in values.items() if value <= _EXPLODED * raw[0]}
        if shown:
            shown["log10_lr"] = math.log10(test.lrs[place])
        points += [
            Point(name=f"range_test/{name}", value=value, step=place + 1, at=at) for name, value in shown.items()
        ]
    return points


def _table(test: RangeTest) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["step", "lr", *(f"loss_seed_{seed}" for seed in test.seeds)])
    for step, lr in enumerate(test.lrs):
        losses = [repr(curve[step]) if step < len(curve) else "" for curve in test.losses]
        table.writerow([step + 1, repr(lr), *losses])
    return out.getvalue().encode()


def _state(test: RangeTest) -> str:
    return f"range test {zlib.crc32(repr(test).encode()):08x}"
