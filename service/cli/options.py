"""Options and arguments that several commands share."""

from typing import Annotated, Any

import typer

SweepRef = Annotated[str, typer.Argument(metavar="ID", help="A sweep's id, the start of one, or `last`.")]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="SQLAlchemy URL of the store. [default: .lrsweep/lrsweep.db]"),
]
TrackingUri = Annotated[
    str | None,
    typer.Option("--tracking-uri", metavar="URI", help="MLflow tracking URI. [default: .lrsweep/mlflow.db]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def open_store(url: str | None) -> Any:
    """The store that a command reads: the embedded one unless a URL says otherwise."""
    from service.home import Home
    from service.store import Store

    return Store.open(Home.find(store=url).store_url)
