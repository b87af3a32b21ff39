"""What the CLI and the API give out as JSON: one function per document that others build on."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from service.archive import Archive
from service.passports import Passports
from service.rangeviews import finite_numbers, range_test_document
from service.records import Curve, ReportRecord, SweepRecord, SweepSummary, TrialRecord
from service.store.codec import finite, to_json
from service.tracking.links import public_uri, run_url, view_url
from sweeps.records import Pick, RangeTest


def sweep_summary(sweep: SweepSummary) -> dict[str, Any]:
    """One row of `lrsweep list --json`."""
    return {
        "sweep": sweep.id,
        "name": sweep.name,
        "status": sweep.status.value,
        "task": sweep.task,
        "trials": sweep.trials,
        "total_trials": sweep.total_trials,
        "created": sweep.created.isoformat(),
        "ended": _moment(sweep.ended),
        "error": sweep.error,
    }


def sweep_overview(sweep: SweepRecord) -> dict[str, Any]:
    """A sweep without what was found out: what it is, where it stands, and where MLflow shows it."""
    place = sweep.mlflow
    return {
        "sweep": sweep.id,
        "name": sweep.name,
        "task": sweep.task,
        "status": sweep.status.value,
        "error": sweep.error,
        "submitted_by": sweep.submitted_by,
        "cancel_requested": sweep.cancel_requested,
        "ended_trials": sweep.trials,
        "total_trials": sweep.total_trials,
        "created": sweep.created.isoformat(),
        "started": _moment(sweep.started),
        "ended": _moment(sweep.ended),
        "spec": to_json(sweep.spec),
        "steps_per_epoch": sweep.steps_per_epoch,
        "batch_size": sweep.batch_size,
        "accumulation": sweep.accumulation,
        "code": sweep.code and asdict(sweep.code),
        "lanes": sweep.lanes and asdict(sweep.lanes),
        "warnings": [{"path": finding.where, "message": finding.message} for finding in sweep.findings],
        "mlflow": place
        and {
            "tracking_uri": public_uri(place.tracking_uri),
            "experiment_id": place.experiment_id,
            "run_id": place.run_id,
            "url": run_url(place),
            "charts": view_url(place, sweep.id),
        },
    }


def sweep_document(archive: Archive, sweep_id: str) -> dict[str, Any]:
    """The document of `lrsweep show ID --json`: the overview and everything that was found out but the curves."""
    sweep = archive.sweep(sweep_id)
    return {
        **sweep_overview(sweep),
        "range_tests": range_test_documents(archive, sweep_id, archive.range_tests(sweep_id)),
        "trials": [trial_document(trial) for trial in archive.trials(sweep_id)],
        "picks": pick_documents(archive, sweep_id),
    }


def range_test_documents(archive: Archive, sweep_id: str, tests: Sequence[RangeTest]) -> list[dict[str, Any]]:
    """Range tests of a sweep, as `lrsweep range-test --json` has them."""
    passports, runs = Passports.of(archive.sweep(sweep_id)), archive.range_test_runs(sweep_id)
    return [range_test_document(test, passports, runs.get(test.optimizer)) for test in tests]


def trial_document(trial: TrialRecord) -> dict[str, Any]:
    """One trial; `outcome` is null while it waits or runs."""
    proposal = trial.proposal
    return {
        "number": proposal.number,
        "optimizer": proposal.optimizer,
        "scheduler": proposal.scheduler,
        "initial_lr": proposal.initial_lr,
        "params": proposal.params,
        "outcome": trial.outcome.value if trial.outcome else None,
        "value": trial.value,
        "epochs": trial.epochs,
        "seed": proposal.seed,
        "origin": proposal.origin,
        "started": _moment(trial.started),
        "ended": _moment(trial.ended),
        "error": trial.error,
        "mlflow_run_id": trial.mlflow_run_id,
    }


def curve_document(curve: Curve) -> dict[str, Any]:
    """All steps of a trial, one series a name; null where a value is not finite."""
    return {
        "step": curve.steps,
        "train_loss": finite_numbers(curve.losses),
        "lr": curve.lrs,
        **{name: finite_numbers(values) for name, values in curve.more.items()},
    }


def report_document(report: ReportRecord) -> dict[str, Any]:
    """One epoch of one trial; a metric that is not finite is null."""
    return {
        "id": report.id,
        "trial": report.number,
        "epoch": report.epoch,
        "step": report.step,
        "metrics": {name: finite(value) for name, value in report.metrics.items()},
        "lrs": report.lrs,
        "seconds": report.seconds,
        "at": report.at.isoformat(),
    }


def pick_documents(archive: Archive, sweep_id: str) -> list[dict[str, Any]]:
    """The picks of a sweep, as `lrsweep pick --json` has them."""
    picks = archive.picks(sweep_id)
    passports = Passports.of(archive.sweep(sweep_id)) if picks else None
    return [pick_document(pick, passports) for pick in picks] if passports else []


def pick_document(pick: Pick, passports: Passports) -> dict[str, Any]:
    """One pick with its evidence and its passport."""
    return {
        "optimizer": pick.optimizer,
        "scheduler": pick.scheduler,
        "initial_lr": pick.initial_lr,
        "value": pick.value,
        "params": dict(pick.params),
        "trials": list(pick.trials),
        "tried": pick.tried,
        "low": pick.low,
        "high": pick.high,
        "notes": list(pick.notes),
        "luck": pick.luck and asdict(pick.luck),
        "stability": [asdict(each) for each in pick.stability],
        "folk_grid": pick.folk_grid and asdict(pick.folk_grid),
        "passport": asdict(passports.of_pick(pick)),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
