"""A range test's run: its curve over the LR, its plot, and the bounds that were read off it."""

import csv
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from service import plots
from service.passports import Passports
from service.records import SweepRecord, TrialRecord
from service.tracking.context import Context, began
from service.tracking.links import artifact_address
from service.tracking.metrics import lr_points
from service.tracking.note import range_test_note
from service.tracking.range_points import range_test_points
from service.tracking.runs import SHOWN_TAG, range_test_key
from sweeps.records import RangeTest
from sweeps.rules import RuleReading, apply_rules

_PLOT = "range_test.png"


def show_range_test(
    context: Context, sweep: SweepRecord, test: RangeTest, first_trial: TrialRecord | None, passports: Passports
) -> str:
    """Logs a range test, unless it is there already, and returns the id of its run."""
    state, start = _state(test), began(sweep)
    run = context.runs.open(
        range_test_key(test.optimizer),
        name=f"range test {test.optimizer}",
        tags={
            "mlflow.parentRunId": context.parent,
            "mlflow.runColor": context.range_test_colours.get(test.optimizer, ""),
            "outcome": "trusted" if test.trusted else "not trusted",
            **({"reasons": "; ".join(test.reasons)} if test.reasons else {}),
            "origin": "range test",
        },
        started=start,
        shown=state,
    )
    if run.complete:
        return run.id
    readings, writer = apply_rules(test), context.writer
    params = _params(test, readings)
    writer.params(run.id, {key: value for key, value in params.items() if key not in run.params})
    writer.metrics(run.id, range_test_points(test, context.spec.objective, start))
    writer.metrics(run.id, lr_points(test.initial_lr, at=start))
    passport = passports.of_range_test(test)
    writer.tags(run.id, {"mlflow.note.content": range_test_note(test, passport, artifact_address(run.id, _PLOT))})
    # The store keeps no times of range tests; they all end before the first trial begins.
    next_thing = first_trial.started if first_trial else None
    writer.status(run.id, "FINISHED", next_thing or sweep.ended or datetime.now(UTC))

    def files() -> dict[str, bytes]:
        return {
            _PLOT: plots.range_test(test, readings, context.spec.objective),
            "range_test.csv": _table(test),
            "passport.json": json.dumps(asdict(passport), indent=2).encode(),
        }

    writer.later(run.id, files, {SHOWN_TAG: state})
    return run.id


def _params(test: RangeTest, readings: Mapping[str, RuleReading]) -> dict[str, str]:
    span = {} if test.interval is None else {"interval": f"[{test.interval[0]!r}, {test.interval[1]!r}]"}
    return {
        "optimizer": test.optimizer,
        "scheduler": test.scheduler,
        "initial_lr": repr(test.initial_lr),
        "low": repr(test.low),
        "high": repr(test.high),
        **span,
        "steps": str(len(test.lrs)),
        "seeds": ", ".join(map(str, test.seeds)),
        **{f"rule.{name}": repr(reading.lr) for name, reading in readings.items() if reading.lr is not None},
    }


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
