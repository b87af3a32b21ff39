"""A sweep's results as tables: a list a column, all of one length, for frames and files alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.archive import Archive
from service.history import reports
from service.records import ReportRecord, TrialRecord
from service.tracking.naming import value_text
from sweeps.rules import apply_rules

Columns = dict[str, list[Any]]
"""Columns by name. A cell is a number, a text, a moment, or None where a row has nothing."""


def trials(archive: Archive, sweep_id: str) -> Columns:
    """A row a trial, by number, with the last line of its error; hyperparameters by full names: `SGD.momentum`."""
    return _columns([_trial(each) for each in archive.trials(sweep_id)])


def epochs(archive: Archive, sweep_id: str) -> Columns:
    """A row for each epoch of each trial, by number and epoch: metrics by their names, and the LR at its start."""
    rows = [_epoch(each) for each in reports(archive, sweep_id)]
    return _columns(sorted(rows, key=lambda row: (row["number"], row["epoch"])))


def _epoch(report: ReportRecord) -> Mapping[str, Any]:
    own = {
        "number": report.number,
        "epoch": report.epoch,
        "step": report.step,
        "seconds": report.seconds,
        "lr": report.lrs[0] if report.lrs else None,
    }
    # First and last: a metric may have one of these names.
    return {**own, **report.metrics, **own}


def steps(archive: Archive, sweep_id: str) -> Columns:
    """A row for each optimizer step of each trial: its training loss and LR, and what else moved."""
    rows: list[Mapping[str, Any]] = []
    for trial in archive.trials(sweep_id):
        number = trial.proposal.number
        curve = archive.curve(sweep_id, number)
        series = {"step": curve.steps, "train/loss": curve.losses, "lr": curve.lrs, **curve.more}
        rows += [
            {"number": number, **dict(zip(series, row, strict=True))} for row in zip(*series.values(), strict=True)
        ]
    return _columns(rows)


def picks(archive: Archive, sweep_id: str) -> Columns:
    """A row a pick, best first."""
    return _columns(
        [
            {
                "optimizer": each.optimizer,
                "scheduler": each.scheduler,
                "initial_lr": each.initial_lr,
                "value": each.value,
                "low": each.low,
                "high": each.high,
                "tried": each.tried,
                "trials": ", ".join(map(str, each.trials)),
                "notes": "; ".join(each.notes),
                **_cells(each.params),
            }
            for each in archive.picks(sweep_id)
        ]
    )


def range_tests(archive: Archive, sweep_id: str) -> Columns:
    """A row for each step of each seed of each range test: the LR on the ramp and the training loss."""
    return _columns(
        [
            {"optimizer": test.optimizer, "seed": seed, "step": step, "lr": lr, "train/loss": loss}
            for test in archive.range_tests(sweep_id)
            for seed, losses in zip(test.seeds, test.losses, strict=True)
            for step, (lr, loss) in enumerate(zip(test.lrs, losses, strict=False), start=1)
        ]
    )


def rules(archive: Archive, sweep_id: str) -> Columns:
    """A row for each rule of each range test: what it reads, and the interval of that."""
    return _columns(
        [
            {
                "optimizer": test.optimizer,
                "rule": name,
                "lr": reading.lr,
                "low": reading.interval and reading.interval[0],
                "high": reading.interval and reading.interval[1],
                "recommended": test.initial_lr,
                "trusted": test.trusted,
            }
            for test in archive.range_tests(sweep_id)
            for name, reading in apply_rules(test).items()
        ]
    )


TABLES: Mapping[str, Callable[[Archive, str], Columns]] = {
    "trials": trials,
    "epochs": epochs,
    "steps": steps,
    "picks": picks,
    "range-tests": range_tests,
    "rules": rules,
}
"""Every table, by the name that it goes by on the command line."""


def _trial(trial: TrialRecord) -> dict[str, Any]:
    proposal = trial.proposal
    return {
        "number": proposal.number,
        "optimizer": proposal.optimizer,
        "scheduler": proposal.scheduler,
        "initial_lr": proposal.initial_lr,
        "outcome": trial.outcome.value if trial.outcome else None,
        "value": trial.value,
        "epochs": trial.epochs,
        "seed": proposal.seed,
        "mlflow_run_id": trial.mlflow_run_id,
        "origin": proposal.origin,
        "started": trial.started,
        "ended": trial.ended,
        "error": (trial.error or "").strip().rpartition("\n")[2] or None,
        **_cells(proposal.params),
    }


def _cells(params: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters as cells: pairs and milestones are texts, as a spec writes them."""
    return {name: value_text(value) if isinstance(value, tuple) else value for name, value in params.items()}


def _columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """Rows turned into columns: every row's, the parameters last and sorted.

    >>> _columns([{"number": 0, "SGD.momentum": 0.9}, {"number": 1, "Adam.eps": 1e-8}])
    {'number': [0, 1], 'Adam.eps': [None, 1e-08], 'SGD.momentum': [0.9, None]}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    shared = [name for name in names if "." not in name]
    ordered = [*shared, *sorted(name for name in names if "." in name)]
    return {name: [row.get(name) for row in rows] for name in ordered}
