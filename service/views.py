"""What the CLI (and later the API) gives out as JSON: one function per document that others build on."""

from typing import Any

from service.records import SweepRecord, TrialRecord
from service.store import Store
from service.tracking.links import run_url
from sweeps.records import Pick


def sweep_summary(sweep: SweepRecord) -> dict[str, Any]:
    """One row of `lrsweep list --json`."""
    return {
        "sweep": sweep.id,
        "name": sweep.name,
        "status": sweep.status.value,
        "task": sweep.task,
        "trials": sweep.trials,
        "total_trials": sweep.total_trials,
        "created": sweep.created.isoformat(),
        "ended": sweep.ended.isoformat() if sweep.ended else None,
        "error": sweep.error,
    }


def sweep_document(store: Store, sweep_id: str) -> dict[str, Any]:
    """The document of `lrsweep show ID --json`."""
    sweep = store.sweep(sweep_id)
    place = sweep.mlflow
    return {
        "sweep": sweep.id,
        "name": sweep.name,
        "task": sweep.task,
        "status": sweep.status.value,
        "error": sweep.error,
        "warnings": [{"path": finding.where, "message": finding.message} for finding in sweep.findings],
        "mlflow": place
        and {
            "tracking_uri": place.tracking_uri,
            "experiment_id": place.experiment_id,
            "run_id": place.run_id,
            "url": run_url(place),
        },
        "range_tests": [
            {
                "optimizer": test.optimizer,
                "initial_lr": test.initial_lr,
                "low": test.low,
                "high": test.high,
                "trusted": test.trusted,
                "reasons": list(test.reasons),
            }
            for test in store.range_tests(sweep_id)
        ],
        "trials": [trial_document(trial) for trial in store.trials(sweep_id)],
        "picks": [pick_document(pick) for pick in store.picks(sweep_id)],
    }


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
        "error": trial.error,
        "mlflow_run_id": trial.mlflow_run_id,
    }


def pick_document(pick: Pick) -> dict[str, Any]:
    """One pick with its evidence."""
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
    }
