"""Running what was submitted: `lrsweep coordinator`."""

from typing import Annotated

import typer

from service.cli.options import StoreUrl, TrackingUri
from service.place import RunnerKind


def coordinator(
    once: Annotated[
        bool, typer.Option("--once", help="End once nothing waits and no coordinator runs a sweep.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="Sweeps at once, within what the workers they ask for need.")] = 8,
    grace: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="On SIGTERM, how long sweeps may take to stop.")
    ] = 30.0,
    runner: Annotated[
        RunnerKind,
        typer.Option(help="Ray workers, or the sweep's own process; auto: that for one worker without --address."),
    ] = "auto",
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Join this Ray cluster instead of starting local ones.")
    ] = None,
    store: StoreUrl = None,
    tracking_uri: TrackingUri = None,
) -> int:
    """Run the sweeps that were submitted, several at once, each in a process of its own (docs/operations.md).

    Any number of coordinators may share a store. SIGTERM or Ctrl-C stops within an epoch and gives the sweeps to the
    others; those of one that dies are taken over within half a minute.
    """
    from service.coordinator.capacity import capacity_at
    from service.coordinator.serve import serve
    from service.coordinator.supervisor import Supervisor
    from service.home import Home
    from service.store import Store
    from service.tracking.client import check_scheme

    home = Home.find(store=store, tracking_uri=tracking_uri)
    check_scheme(home.tracking_uri)
    with Store.open(home.store_url) as opened:
        supervisor = Supervisor(opened, home, most=most, runner=runner, address=address, capacity=capacity_at(address))
        serve(supervisor, once=once, grace=grace)
    return 0
