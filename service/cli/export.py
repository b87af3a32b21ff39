"""Taking results elsewhere: `lrsweep export`."""

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from service.cli.options import StoreUrl, SweepRef, open_store
from service.cli.output import notes


def export(
    sweep: SweepRef = "last",
    format: Annotated[
        Literal["csv", "json", "optuna"],
        typer.Option(help="Trials as CSV; everything, curves too, as JSON; a study for optuna-dashboard."),
    ] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; for optuna a new SQLite file. [default: -]")
    ] = None,
    store: StoreUrl = None,
) -> None:
    """Export a sweep as CSV, JSON, or an Optuna study."""
    opened = open_store(store)
    sweep_id = opened.resolve(sweep)
    if format == "optuna":
        _optuna(opened, sweep_id, output or Path(f"{sweep_id}.optuna.db"))
        return
    with _target(output) as target:
        if format == "csv":
            _csv(opened, sweep_id, target)
        else:
            json.dump(_everything(opened, sweep_id), target, indent=2)
            target.write("\n")


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        yield file
    notes().print(f"wrote {output}")


def _csv(store: Any, sweep_id: str, target: TextIO) -> None:
    from service.views import trial_document

    documents = [trial_document(trial) for trial in store.trials(sweep_id)]
    params = sorted({name for document in documents for name in document["params"]})
    fields = ("number", "optimizer", "scheduler", "initial_lr", "outcome", "value", "epochs", "seed", "mlflow_run_id")
    writer = csv.DictWriter(target, [*fields, *params], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**document, **document["params"]} for document in documents)


def _everything(store: Any, sweep_id: str) -> dict[str, Any]:
    from service.views import sweep_document

    document = sweep_document(store, sweep_id)
    group_lrs = _group_lrs(store, sweep_id)
    for trial in document["trials"]:
        curve = store.curve(sweep_id, trial["number"])
        trial["curve"] = {
            "step": curve.steps,
            "train_loss": [_json_number(loss) for loss in curve.losses],
            "lr": curve.lrs,
            **{name: [_json_number(value) for value in values] for name, values in curve.more.items()},
        }
        trial["group_lrs"] = group_lrs.get(trial["number"], {})
    return document


def _group_lrs(store: Any, sweep_id: str) -> dict[int, dict[str, list[float]]]:
    """The LR of each param group at the start of every epoch, by trial and name; nothing where there is one group."""
    from sweeps.groups import group_names
    from sweeps.specfile import parse_spec

    # Whether the task's file still lies where it did is of no account here.
    spec = parse_spec(store.sweep(sweep_id).spec, check=lambda use, noun: None)
    groups = [each.group for each in spec.groups]
    found: dict[int, dict[str, list[float]]] = {}
    last = 0
    while page := store.reports(sweep_id, after=last):
        last = page[-1].id
        for report in page:
            names = group_names(groups, len(report.lrs))
            for name, lr in zip(names, report.lrs, strict=True) if len(names) > 1 else ():
                found.setdefault(report.number, {}).setdefault(name, []).append(lr)
    return found


def _json_number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if abs(value) < float("inf") else None


def _optuna(store: Any, sweep_id: str, file: Path) -> None:
    from sweeps.errors import UserError
    from sweeps.lanes import search_window
    from sweeps.proposer import OptunaProposer
    from sweeps.records import LanePlan
    from sweeps.space import search_space, starting_points
    from sweeps.specfile import parse_spec

    if file.exists():
        raise UserError(f"{file} exists already: name a new file with --output")
    record = store.sweep(sweep_id)
    spec, tests = parse_spec(record.spec), store.range_tests(sweep_id)
    epochs = spec.budget.total_epochs(record.steps_per_epoch or 1)
    space = search_space(spec, tests, epochs)
    window = search_window(spec, record.lanes or LanePlan())
    proposer = OptunaProposer(spec, space, starting_points(spec, space, tests), epochs, window)
    proposer.replay(store.history(sweep_id))
    proposer.export(f"sqlite:///{file}", f"{record.name}-{sweep_id}")
    notes().print(f"wrote {file}: open it with `optuna-dashboard sqlite:///{file}`")
