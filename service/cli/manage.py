"""Changing sweeps: cancel, retry."""

from typing import Annotated

import typer

from service.cli.ahead import load_ahead
from service.cli.options import Json, RayAddress, RunnerName, ServerUrl, StoreUrl, SweepRef, TrackingUri
from service.cli.output import print_json
from service.opened import open_archive


def cancel(sweep: SweepRef, store: StoreUrl = None, server: ServerUrl = None, json: Json = False) -> None:
    """Cancel a sweep: running trials stop within an epoch, what was recorded stays."""
    from service.views import sweep_summary

    opened = open_archive(store, server)
    record = opened.request_cancel(opened.resolve(sweep))
    if json:
        print_json(sweep_summary(record))
    elif record.status.ended:
        print(f"sweep {record.id} is {record.status.value}")
    else:
        print(f"sweep {record.id} is asked to stop; its running trials end within an epoch")


def retry(
    sweep: SweepRef = "last",
    failed: Annotated[
        bool, typer.Option("--failed/--unfinished", help="Train FAILED trials again, or only go on with what is left.")
    ] = True,
    runner: RunnerName = "auto",
    address: RayAddress = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
) -> int:
    """Train the FAILED trials of a sweep again, and go on with what is unfinished."""
    load_ahead(store, server)
    from service.cli.begin import Where, go_on

    where = Where(runner=runner, address=address, store=store, server=server, tracking_uri=tracking_uri)
    return go_on(sweep, where, json=json, retry_failed=failed)
