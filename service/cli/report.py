"""The report: `lrsweep report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import ServerUrl, StoreUrl, SweepRef, TrackingUri
from service.cli.output import notes
from service.opened import open_archive

if TYPE_CHECKING:
    from service.records import SweepRecord


def report(
    sweep: SweepRef = "last",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File to write. [default: lrsweep-ID.html]")
    ] = None,
    mlflow: Annotated[bool, typer.Option(help="Add it to the artifacts of the sweep's run in MLflow, too.")] = True,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Write what a sweep found as one HTML file: for a phone, for paper, without a network."""
    from service.report import report_html
    from sweeps.errors import UserError

    opened = open_archive(store, server)
    sweep_id = opened.resolve(sweep)
    file = out or Path(f"lrsweep-{sweep_id}.html")
    page = report_html(opened, sweep_id).encode()
    try:
        file.write_bytes(page)
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}; name another file with --out") from error
    notes().print(f"wrote {file}", markup=False)
    if mlflow:
        _attach(opened.sweep(sweep_id), page, tracking_uri)


def _attach(record: "SweepRecord", page: bytes, tracking_uri: str | None) -> None:
    """Logs the report to MLflow; where that does not work, the file is what was asked for."""
    from service.home import Home
    from service.tracking.attach import attach
    from service.tracking.links import run_url
    from sweeps.errors import EnvironmentFailure

    if record.mlflow is None:
        return
    try:
        attach(Home.find(tracking_uri=tracking_uri), record.mlflow, {"report.html": page})
    except EnvironmentFailure as error:
        notes().print(f"not added to MLflow: {error}", markup=False)
        return
    notes().print(f"added to MLflow as report.html: {run_url(record.mlflow)}", markup=False)
