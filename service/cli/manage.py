"""Changing sweeps: cancel, retry."""

from typing import Annotated, Literal

import typer

from service.cli.options import Json, StoreUrl, SweepRef, TrackingUri, open_store
from service.cli.output import print_json


def cancel(sweep: SweepRef, store: StoreUrl = None, json: Json = False) -> None:
    """Cancel a sweep: running trials stop within an epoch, what was recorded stays."""
    from service.views import sweep_summary

    opened = open_store(store)
    record = opened.request_cancel(opened.resolve(sweep))
    if json:
        print_json(sweep_summary(record))
    elif record.status.ended:
        print(f"sweep {record.id} is {record.status.value}")
    else:
        print(f"sweep {record.id} is asked to stop; its running trials end within an epoch")


def retry(
    sweep: SweepRef = "last",
    runner: Annotated[Literal["auto", "ray", "inline"], typer.Option(help="Where to train.")] = "auto",
    address: Annotated[str | None, typer.Option(help="Join the Ray cluster at this address.")] = None,
    store: StoreUrl = None,
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

    home, opened = open_home(store, tracking_uri)
    sweep_id = opened.resolve(sweep)
    failed = any(trial.outcome is Outcome.FAILED for trial in opened.trials(sweep_id))
    if opened.sweep(sweep_id).status is Status.DONE and not failed:
        raise UserError(f"sweep {sweep_id} has no FAILED trial to train again")
    spec = parse_spec(opened.sweep(sweep_id).spec)
    place = Place(runner=runner, address=address)
    return conduct(home, opened, spec, lambda: sweep_id, place=place, json=json, retry_failed=True)
