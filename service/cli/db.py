"""Looking after the store: `lrsweep db`."""

from typing import Annotated

import typer

from service.cli.options import Json, StoreUrl, SweepRef, TrackingUri
from service.cli.output import notes, print_json
from service.opened import open_here

app = typer.Typer(help="Look after the store and what MLflow shows of it.", no_args_is_help=True)


@app.command()
def upgrade(store: StoreUrl = None) -> None:
    """Bring the store's tables up to date, or make them; what is recorded stays."""
    from service.home import Home
    from service.store import Store

    url = Home.find(store=store).store_url
    Store.open(url, upgrade=True).close()
    notes().print("the store is up to date")


@app.command()
def sync(
    sweep: SweepRef = "last",
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for an MLflow that is away.")] = 60.0,
    store: StoreUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
) -> None:
    """Write to MLflow what it lacks of a sweep; what it has already is not written twice."""
    from service.home import Home
    from service.records import Status
    from service.tracking.client import check_reachable
    from service.tracking.links import run_url
    from service.tracking.thread import Tracking
    from sweeps.errors import EnvironmentFailure, UserError

    home = Home.find(store=store, tracking_uri=tracking_uri)
    opened = open_here(store)
    sweep_id = opened.resolve(sweep)
    if opened.sweep(sweep_id).status is Status.RUNNING:
        raise UserError(
            f"sweep {sweep_id} is running and writes to MLflow by itself; if its process is gone, go on with "
            f"`lrsweep run --resume {sweep_id}`"
        )
    check_reachable(home)
    with Tracking(opened, sweep_id, home) as tracking:
        trouble = tracking.close(patience)
    if trouble:
        raise EnvironmentFailure(f"MLflow lacks part of sweep {sweep_id}: {trouble}")
    place = opened.sweep(sweep_id).mlflow
    assert place is not None
    if json:
        print_json({"sweep": sweep_id, "url": run_url(place)})
    else:
        notes().print(f"MLflow has all of sweep {sweep_id}: {run_url(place)}")
