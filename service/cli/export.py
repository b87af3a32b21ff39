"""Taking results elsewhere: `lrsweep export`."""

import csv
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from service.cli.options import ServerUrl, StoreUrl, SweepRef
from service.cli.output import notes
from service.opened import open_archive

if TYPE_CHECKING:
    from service.archive import Archive
    from service.columns import Columns


def export(
    sweep: SweepRef = "last",
    format: Annotated[
        Literal["csv", "parquet", "json", "optuna"],
        typer.Option(help="A table as CSV or Parquet; everything, curves too, as JSON; a study for optuna-dashboard."),
    ] = "csv",
    table: Annotated[
        Literal["trials", "epochs", "steps", "picks", "range-tests", "rules"],
        typer.Option(help="Which table, of CSV and Parquet."),
    ] = "trials",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; for optuna and parquet a new one. [default: -]"),
    ] = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
) -> None:
    """Export a sweep as CSV, Parquet, JSON, or an Optuna study."""
    from service.columns import TABLES
    from sweeps.errors import UserError

    opened = open_archive(store, server)
    sweep_id = opened.resolve(sweep)
    if table != "trials" and format not in ("csv", "parquet"):
        raise UserError(f"--table {table} goes with --format csv or parquet; {format} has all of it")
    if format == "optuna":
        _optuna(opened, sweep_id, _new(output or Path(f"{sweep_id}.optuna.db")))
        return
    if format == "parquet":
        _parquet(TABLES[table](opened, sweep_id), _new(output or Path(f"{sweep_id}.{table}.parquet")))
        return
    with _target(output) as target:
        if format == "csv":
            _csv(TABLES[table](opened, sweep_id), target)
        else:
            json.dump(_everything(opened, sweep_id), target, indent=2)
            target.write("\n")


def _new(file: Path) -> Path:
    from sweeps.errors import UserError

    if not file.parent.is_dir():
        raise UserError(f"cannot write {file}: there is no folder {file.parent}")
    if file.exists():
        raise UserError(f"{file} exists already: name a new file with --output")
    return file


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    from sweeps.errors import UserError

    if output is None or output == Path("-"):
        yield sys.stdout
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise UserError(f"cannot write {output}: {error}") from error
    notes().print(f"wrote {output}")


def _csv(columns: "Columns", target: TextIO) -> None:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def _parquet(columns: "Columns", file: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    uniform = {name: list(map(_text, cells)) if _mixed(cells) else cells for name, cells in columns.items()}
    try:
        parquet.write_table(pyarrow.table(uniform), file)
    except OSError as error:
        from sweeps.errors import UserError

        raise UserError(f"cannot write {file}: {error}") from error
    notes().print(f"wrote {file}", markup=False)


def _mixed(cells: Sequence[Any]) -> bool:
    """True if a column has no one type, as Parquet wants: a hyperparameter may be a number here and a text there."""
    kinds = {type(each) for each in cells} - {type(None)}
    return len(kinds) > 1 and kinds != {int, float}


def _text(cell: Any) -> str | None:
    return None if cell is None else str(cell)


def _everything(archive: "Archive", sweep_id: str) -> dict[str, Any]:
    from service.views import curve_document, sweep_document

    document = sweep_document(archive, sweep_id)
    group_lrs = _group_lrs(archive, sweep_id)
    for trial in document["trials"]:
        trial["curve"] = curve_document(archive.curve(sweep_id, trial["number"]))
        trial["group_lrs"] = group_lrs.get(trial["number"], {})
    return document


def _group_lrs(archive: "Archive", sweep_id: str) -> dict[int, dict[str, list[float]]]:
    """The LR of each param group at the start of every epoch, by trial and name; nothing where there is one group."""
    from service.history import reports
    from sweeps.groups import group_names
    from sweeps.specfile import known_spec

    spec = known_spec(archive.sweep(sweep_id).spec)
    groups = [each.group for each in spec.groups]
    found: dict[int, dict[str, list[float]]] = {}
    for report in reports(archive, sweep_id):
        names = group_names(groups, len(report.lrs))
        for name, lr in zip(names, report.lrs, strict=True) if len(names) > 1 else ():
            found.setdefault(report.number, {}).setdefault(name, []).append(lr)
    return found


def _optuna(archive: "Archive", sweep_id: str, file: Path) -> None:
    from service.history import history
    from service.home import sqlite_url
    from sweeps.errors import UserError
    from sweeps.lanerecords import LanePlan
    from sweeps.pairs import pairs_of, without
    from sweeps.proposer import OptunaProposer
    from sweeps.space import search_space
    from sweeps.specfile import known_spec
    from sweeps.startingpoints import starting_points

    record = archive.sweep(sweep_id)
    whole, tests, trials = known_spec(record.spec), archive.range_tests(sweep_id), history(archive, sweep_id)
    if not trials:
        raise UserError(f"sweep {sweep_id} has no trials for a study: export its range tests as csv or parquet")
    # A pair that cannot train the task was left out of the search, and what nobody tried is no choice of a study.
    tried = {(each.proposal.optimizer, each.proposal.scheduler) for each in trials}
    untried = frozenset(pairs_of(whole)) - tried
    spec, epochs = without(whole, untried), whole.budget.total_epochs(record.steps_per_epoch or 1)
    space = search_space(spec, tests, epochs, untried)
    reach = (record.lanes or LanePlan()).reach
    proposer = OptunaProposer(spec, space, starting_points(spec, space, tests), epochs, reach)
    proposer.replay(trials)
    proposer.export(sqlite_url(file), f"{record.name}-{sweep_id}")
    notes().print(f"wrote {file}: open it with `optuna-dashboard {shlex.quote(sqlite_url(file))}`")
