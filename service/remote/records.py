"""Documents of the API back to the records that they were made of."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from service.records import Curve, MlflowPlace, ReportRecord, Status, SweepRecord, SweepSummary, TrialRecord
from service.store.codec import from_json, to_values
from sweeps.finding import Finding
from sweeps.lanerecords import LanePlan
from sweeps.paramnames import params_of
from sweeps.records import CodeVersion, Outcome, Pick, Probed, Proposal, RangeTest

Document = Mapping[str, Any]

_PICK = TypeAdapter(Pick)


def summary_of(row: Document) -> SweepSummary:
    """A row of the list."""
    return SweepSummary(
        id=row["sweep"],
        name=row["name"],
        task=row["task"],
        status=Status(row["status"]),
        created=datetime.fromisoformat(row["created"]),
        ended=_moment(row["ended"]),
        error=row["error"],
        trials=row["trials"],
        total_trials=row["total_trials"],
    )


def sweep_of(overview: Document) -> SweepRecord:
    """A sweep, but for the measurements behind its lanes."""
    place, code, lanes = (overview[name] for name in ("mlflow", "code", "lanes"))
    return SweepRecord(
        id=overview["sweep"],
        name=overview["name"],
        task=overview["task"],
        status=Status(overview["status"]),
        spec=from_json(overview["spec"]),
        created=datetime.fromisoformat(overview["created"]),
        started=_moment(overview["started"]),
        ended=_moment(overview["ended"]),
        error=overview["error"],
        cancel_requested=overview["cancel_requested"],
        trials=overview["ended_trials"],
        total_trials=overview["total_trials"],
        mlflow=place and MlflowPlace(**{name: place[name] for name in ("tracking_uri", "experiment_id", "run_id")}),
        steps_per_epoch=overview["steps_per_epoch"],
        lanes=lanes and LanePlan(**lanes),
        lane_probe=None,
        batch_size=overview["batch_size"],
        accumulation=overview["accumulation"],
        code=code and CodeVersion(**code),
        findings=tuple(_finding(each) for each in overview["warnings"]),
        submitted_by=overview["submitted_by"],
    )


def trial_of(document: Document) -> TrialRecord:
    """A trial; its parameters go back to the optimizer and the scheduler that they are named after."""
    optimizer, scheduler, params = document["optimizer"], document["scheduler"], to_values(document["params"])
    proposal = Proposal(
        number=document["number"],
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=document["initial_lr"],
        optimizer_params=params_of(params, optimizer),
        scheduler_params=params_of(params, scheduler),
        seed=document["seed"],
        origin=document["origin"],
    )
    return TrialRecord(
        proposal=proposal,
        outcome=document["outcome"] and Outcome[document["outcome"]],
        value=document["value"],
        epochs=document["epochs"],
        error=document["error"],
        started=_moment(document["started"]),
        ended=_moment(document["ended"]),
        mlflow_run_id=document["mlflow_run_id"],
    )


def report_of(document: Document) -> ReportRecord:
    """One epoch of one trial."""
    return ReportRecord(
        id=document["id"],
        number=document["trial"],
        epoch=document["epoch"],
        step=document["step"],
        metrics={name: _number(value) for name, value in document["metrics"].items()},
        lrs=tuple(document["lrs"]),
        seconds=document["seconds"],
        at=datetime.fromisoformat(document["at"]),
    )


def curve_of(document: Document) -> Curve:
    """All steps of a trial."""
    series = {name: _numbers(values) for name, values in document.items()}
    steps = tuple(document["step"])
    return Curve(
        steps=steps,
        losses=series["train_loss"],
        lrs=series["lr"],
        more={name: values for name, values in series.items() if name not in ("step", "train_loss", "lr")},
    )


def pick_of(document: Document) -> Pick:
    """A pick, whose passport is made of its sweep again."""
    return _PICK.validate_python({**document, "params": to_values(document["params"])})


def range_test_of(document: Document) -> RangeTest:
    """A range test; what was not finite is NaN, which every rule takes for the same."""
    curve, names = document["curve"], document["metrics"]
    return RangeTest(
        **{name: document[name] for name in ("optimizer", "scheduler", "initial_lr", "low", "high", "trusted")},
        reasons=tuple(document["reasons"]),
        seeds=tuple(document["seeds"]),
        metric_steps=tuple(document["metric_steps"]),
        interval=document["interval"] and tuple(document["interval"]),
        lrs=tuple(curve["lr"]),
        losses=_seeds(curve["train_loss"]),
        metrics={name: _seeds(curve[name.replace("/", "_")]) for name in names},
        probe=tuple(Probed(**{**lane, "values": _numbers(lane["values"])}) for lane in document["probe"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _finding(warning: Document) -> Finding:
    what, _, mend = warning["message"].rpartition("; ")
    return Finding(severity="warning", where=warning["path"], what=what, mend=mend)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _numbers(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(map(_number, values))


def _seeds(curves: Sequence[Sequence[float | None]]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(_numbers, curves))
