"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from service.place import RunnerKind

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
    RunnerKind,
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
