"""Range tests alone: `lrsweep range-test`, a sweep without trials."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.cli.ahead import load_ahead
from service.cli.options import (
    Json,
    Optimizers,
    RayAddress,
    RunnerName,
    ServerUrl,
    Settings,
    SpecFile,
    StoreUrl,
    SweepName,
    Task,
    TrackingUri,
)

_EPOCHS, _TRAININGS = 10, 3.0
"""The budget, and what a probe may cost, where nobody says."""
_OF_THE_SEARCH = ("sampler", "pruner", "early_stopping", "starts", "folk_grid", "stability", "timeout")
"""What a spec file says about trials, of which there are none."""


def range_test(
    file: SpecFile = None,
    name: SweepName = None,
    task: Task = None,
    optimizer: Optimizers = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="The scheduler that the LR is for. [default: none]")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Test every optimizer with so many seeds. [default: 3]")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the ramp. [default: 100]")] = None,
    growth: Annotated[
        Literal["exponential", "linear"] | None, typer.Option(help="How the LR grows. [default: exponential]")
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="Test this parameter group, the others at their own LRs.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help=f"Epochs that the LR is meant for. [default: {_EPOCHS}, unless FILE says]")
    ] = None,
    trainings: Annotated[
        float | None,
        typer.Option(
            help="What training a few LRs after the ramp may cost, in whole trainings; 0: leave it at the ramp. "
            f"[default: {_TRAININGS:g}]"
        ),
    ] = None,
    settings: Settings = None,
    runner: RunnerName = "auto",
    address: RayAddress = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
) -> int:
    """Find the initial LR of each optimizer: an LR range test, and whether to believe it.

    It is a sweep without trials: `lrsweep show`, `lrsweep ui` and `lrsweep pick ID --rule RULE` know it. What FILE
    says about trials does not matter here.
    """
    load_ahead(store, server)
    from service.cli.begin import Where, begin

    flags = {
        "name": name,
        "task": task,
        "optimizers": optimizer,
        "schedulers": [scheduler] if scheduler else None,
        "budget.epochs": epochs,
        "range_test.seeds": seeds,
        "range_test.steps": steps,
        "range_test.growth": growth,
        "range_test.group": group,
        "range_test.probe": trainings,
    }
    where = Where(runner=runner, address=address, store=store, server=server, tracking_uri=tracking_uri)
    return begin(lambda: _raw(file, flags, settings or []), where, json=json)


def _raw(file: Path | None, flags: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """The raw spec: the file's, less what is about trials, under the flags; one worker unless it is told otherwise."""
    from service.cli.overrides import raw_spec
    from sweeps.specfile import read_spec
    from sweeps.specfile.node import is_none

    if file is not None and is_none(read_spec(file).get("range_test", {})):
        flags = {"range_test": {}, **flags}
    raw = raw_spec(file, flags, settings)
    asked = {key: value for key, value in raw.items() if key not in _OF_THE_SEARCH}
    tested = {"probe": _TRAININGS, **(raw.get("range_test", {}))}
    return {"budget": {"epochs": _EPOCHS}, "workers": 1, **asked, "range_test": tested, "trials": 0, "pruner": "none"}
