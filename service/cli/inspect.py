"""Looking at sweeps: list, show."""

from typing import Annotated

import typer

from service.cli.options import Json, ServerUrl, StoreUrl, SweepRef
from service.cli.output import number, print_json, results
from service.opened import open_archive


def list_sweeps(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show so many, newest first.")] = 20,
    store: StoreUrl = None,
    server: ServerUrl = None,
    json: Json = False,
) -> None:
    """List the sweeps of the store, newest first."""
    from service.cli.tables import SweepsTable
    from service.views import sweep_summary

    sweeps = open_archive(store, server).sweeps(limit=limit)
    if json:
        print_json([sweep_summary(sweep) for sweep in sweeps])
        return
    if not sweeps:
        results().print("no sweeps yet; start one with `lrsweep run FILE`")
        return
    results().print(SweepsTable(sweeps))


def show(sweep: SweepRef = "last", store: StoreUrl = None, server: ServerUrl = None, json: Json = False) -> None:
    """Show one sweep: its range tests, trials, picks, and where MLflow has it."""
    from rich.table import Table

    from service.cli.tables import PicksTable, TrialsTable
    from service.history import history
    from service.tracking.links import run_url, view_url
    from service.views import sweep_document
    from sweeps.specfile import known_spec

    opened = open_archive(store, server)
    sweep_id = opened.resolve(sweep)
    if json:
        print_json(sweep_document(opened, sweep_id))
        return
    record = opened.sweep(sweep_id)
    objective = known_spec(record.spec).objective
    console = results()
    ended = f", {record.trials} of {record.total_trials} trials ended" if record.total_trials else ""
    console.print(f"sweep {record.id} ({record.name}): task {record.task}, {record.status.value}{ended}")
    if record.error:
        console.print(f"error: {record.error}", markup=False)
    for finding in record.findings:
        console.print(f"warning: {finding}", markup=False)
    if tests := opened.range_tests(sweep_id):
        table = Table("optimizer", "suggested LR", "may be", "low", "high", "trusted", title="LR range tests")
        for test in tests:
            table.add_row(
                test.optimizer,
                f"{test.initial_lr:.3e}",
                "-" if test.interval is None else f"{test.interval[0]:.1e} to {test.interval[1]:.1e}",
                number(test.low, 3),
                number(test.high, 3),
                "yes" if test.trusted else "no",
            )
        console.print(table)
        for test in tests:
            if test.reasons:
                console.print(f"{test.optimizer}: {'; '.join(test.reasons)}", markup=False)
    if record.total_trials:
        curves = {each.proposal.number: each.objectives for each in history(opened, sweep_id)}
        console.print(TrialsTable(opened.trials(sweep_id), objective, curves))
    if picks := opened.picks(sweep_id):
        console.print(PicksTable(picks, objective))
    if record.mlflow:
        console.print(f"MLflow: {view_url(record.mlflow, sweep_id)}", soft_wrap=True)
        console.print(f"answer and pictures: {run_url(record.mlflow)}", soft_wrap=True)
