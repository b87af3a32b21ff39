"""Changing sweeps: cancel, retry."""

from typing import Annotated, Literal

import typer

from service.cli.options import Json, ServerUrl, StoreUrl, SweepRef, TrackingUri, open_archive, open_server
from service.cli.output import print_json


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
    runner: Annotated[Literal["auto", "ray", "inline"], typer.Option(help="Where to train.")] = "auto",
    address: Annotated[str | None, typer.Option(help="Join the Ray cluster at this address.")] = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
) -> int:
    """Train the FAILED trials of a sweep again, and go on with what is unfinished."""
    from service.cli.conduct import conduct, open_home
    from service.launch import Place
    from service.records import Status
    from sweeps.errors import UserError
    from sweeps.records import Outcome
    from sweeps.specfile import parse_spec

    if archive := open_server(store, server):
        from service.cli.remote import conduct_remotely, refuse_placement

        refuse_placement(runner=runner, address=address, tracking_uri=tracking_uri)
        remote_id = archive.resolve(sweep)
        return conduct_remotely(archive, lambda: archive.requeue(remote_id, retry_failed=failed), json=json)
    home, opened = open_home(store, tracking_uri)
    sweep_id = opened.resolve(sweep)
    again = failed and any(trial.outcome is Outcome.FAILED for trial in opened.trials(sweep_id))
    if opened.sweep(sweep_id).status is Status.DONE and not again:
        raise UserError(f"sweep {sweep_id} has no FAILED trial to train again")
    spec = parse_spec(opened.sweep(sweep_id).spec)
    place = Place(runner=runner, address=address)
    return conduct(home, opened, spec, lambda: sweep_id, place=place, json=json, retry_failed=failed)
