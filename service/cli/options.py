"""Options and arguments that several commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.opened import closed_later

if TYPE_CHECKING:
    from service.archive import Archive
    from service.remote.archive import RemoteArchive
    from service.store import Store

SpecFile = Annotated[Path | None, typer.Argument(metavar="FILE", help="The spec, a YAML file (docs/spec.md).")]
SweepName = Annotated[str | None, typer.Option("--name", help="The sweep's name.")]
Task = Annotated[
    str | None, typer.Option("--task", help="Built-in name, module:attribute or path/to/file.py:attribute.")
]
Optimizers = Annotated[list[str] | None, typer.Option("--optimizer", help="An optimizer; may be given repeatedly.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other key: --set pruner.first_rung=3")
]
RunnerName = Annotated[
    Literal["auto", "ray", "inline"],
    typer.Option("--runner", help="Ray workers, or this process; auto: this process for one worker without --address."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="Join this Ray cluster instead of starting a local one."),
]
SweepRef = Annotated[str, typer.Argument(metavar="ID", help="A sweep's id, the start of one, or `last`.")]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="SQLAlchemy URL of the store. [default: .lrsweep/lrsweep.db]"),
]
TrackingUri = Annotated[
    str | None,
    typer.Option("--tracking-uri", metavar="URI", help="MLflow tracking URI. [default: .lrsweep/mlflow.db]"),
]
ServerUrl = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask this server (`lrsweep serve`), with LRSWEEP_TOKEN. [default: LRSWEEP_SERVER]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def open_archive(store: str | None, server: str | None) -> "Archive":
    """The sweeps that a command reads: a server's if one is named, else those of a store."""
    return open_server(store, server) or _open(store)


def open_server(store: str | None, server: str | None) -> "RemoteArchive | None":
    """The server that a command talks to, if one is named: a flag goes before LRSWEEP_SERVER, --store too."""
    from sweeps.errors import UserError

    if store is not None and server is not None:
        raise UserError("--store and --server name two places: leave one of them out")
    if not (url := named_server(store, server)):
        return None
    from service.remote.archive import RemoteArchive
    from service.remote.http import Connection

    return RemoteArchive(closed_later(Connection.open(url)))


def named_server(store: str | None, server: str | None) -> str | None:
    """The URL of the server that a command talks to, if one is named."""
    return server or (os.environ.get("LRSWEEP_SERVER") if store is None else None)


def open_here(store: str | None) -> "Store":
    """The store, for what no server does for others. Raises UserError where LRSWEEP_SERVER says to ask one."""
    from sweeps.errors import UserError

    if store is None and os.environ.get("LRSWEEP_SERVER"):
        raise UserError(
            "this works on the store itself and not through LRSWEEP_SERVER: run it where the store is, with --store "
            "URL, or unset LRSWEEP_SERVER"
        )
    return _open(store)


def _open(store: str | None) -> "Store":
    from service.home import Home
    from service.store import Store

    return closed_later(Store.open(Home.find(store=store).store_url))
