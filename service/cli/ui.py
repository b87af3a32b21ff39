"""Opening the result: `lrsweep ui`."""

import os
import webbrowser
from typing import Annotated

import typer

from service.cli.options import ServerUrl, StoreUrl, TrackingUri
from service.cli.output import notes
from service.opened import open_archive


def ui(
    sweep: Annotated[
        str | None, typer.Argument(metavar="ID", help="Go to this sweep's charts and table; or `last`.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1 for the embedded MLflow.")] = 5000,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the link in a browser too.")] = False,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Serve the embedded MLflow UI on loopback until Ctrl-C, or print the link into the MLflow server in use."""
    from service.home import Home
    from service.tracking.links import base_url, run_url, ui_command, view_url

    home = Home.find(store=store, tracking_uri=tracking_uri)
    link = f"{base_url(home.tracking_uri, port=port)}/?workflowType=machine_learning"
    if sweep:
        opened = open_archive(store, server)
        record = opened.sweep(opened.resolve(sweep))
        if record.mlflow:
            link = view_url(record.mlflow, record.id, port=port)
            notes().print(f"its answer and pictures: {run_url(record.mlflow, port=port)}", soft_wrap=True)
    print(link, flush=True)
    if open_browser:
        webbrowser.open(link)
    if not home.tracking_uri.startswith(("http://", "https://")):
        command, environment = ui_command(home, port=port)
        notes().print("serving MLflow until Ctrl-C; it answers in a few seconds")
        os.execvpe(command[0], command, {**os.environ, **environment})
