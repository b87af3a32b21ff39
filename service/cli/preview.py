"""Looking at schedules before anything trains: `lrsweep preview`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.options import Json
from service.cli.output import notes, print_json, results

if TYPE_CHECKING:
    from service.cli.schedulewords import Request
    from service.plots.schedules import ScheduleCurve
    from workers.lrsources import Source


def preview(
    schedulers: Annotated[
        list[str],
        typer.Argument(
            metavar="SCHEDULER [KEY=VALUE ...] [+ SCHEDULER ...]",
            help="A scheduler and its arguments; + between several: StepLR step_size=30 + ExponentialLR gamma=0.95",
        ),
    ],
    lr: Annotated[float | None, typer.Option(help="Initial LR. [default: the optimizer's own]")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the budget.")] = 100,
    steps_per_epoch: Annotated[
        int | None, typer.Option(min=1, help="Steps an epoch, for schedulers that go by steps. [default: 1]")
    ] = None,
    optimizer: Annotated[str, typer.Option(help="The optimizer, whose momentum or first beta is cycled.")] = "SGD",
    metric: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The metric of each epoch, for ReduceLROnPlateau: one a line, or JSON."),
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Save the plot as a picture, too.")] = None,
    json: Json = False,
) -> None:
    """Show the LR of every epoch (or step) under a scheduler, exactly as training would use it.

    `--json` prints `{"lr": [...], "momentum": [...] or null}`, and a list of such documents for several schedulers.
    """
    from service.cli.schedulewords import read_requests
    from sweeps.catalogue import optimizer_row
    from sweeps.errors import UserError
    from sweeps.nesting import moves_by_step

    try:
        initial_lr = optimizer_row(optimizer).default_lr if lr is None else lr
    except ValueError as error:
        raise UserError(str(error)) from error
    if not 0 < initial_lr < math.inf:
        raise UserError(f"--lr must be a number with 0 < value, got {initial_lr:g}")
    if save is not None and save.suffix.lower() != ".png":
        raise UserError(f"--save writes a PNG picture: name it {save.stem or 'schedules'}.png, not {save.name}")
    requests = read_requests(schedulers)
    _provide_functions(requests)
    by_step = [request.scheduler for request in requests if moves_by_step(request.scheduler, request.params)]
    metrics = _read_metrics(metric, epochs, listener="ReduceLROnPlateau" in [each.scheduler for each in requests])
    if by_step and steps_per_epoch is None:
        notes().print(f"{by_step[0]} goes by steps; one step an epoch is shown, unless --steps-per-epoch says more")
    unit = "step" if len(by_step) == len(requests) else "epoch"
    curves = [
        _curve(request, initial_lr, epochs, steps_per_epoch or 1, optimizer, metrics, unit) for request in requests
    ]
    if save is not None:
        _save(save, curves, unit)
    if json:
        documents = [_document(curve) for curve in curves]
        names = [{"scheduler": curve.scheduler, "label": curve.label} for curve in curves]
        named = [name | document for name, document in zip(names, documents, strict=True)]
        print_json(named if len(named) > 1 else documents[0])
    else:
        _show(curves, unit)


def _provide_functions(requests: Sequence["Request"]) -> None:
    """Loads the functions that the schedulers name by path, as a sweep does."""
    from sweeps.coderefs import fixed, function_paths

    paths = {path for request in requests for path in function_paths(fixed(request.params))}
    if paths:
        from workers.classes import provide
        from workers.provided import load_provided

        provide(load_provided(dict.fromkeys(sorted(paths), "function")).objects)


def _curve(
    request: "Request",
    lr: float,
    epochs: int,
    steps_per_epoch: int,
    optimizer: str,
    metrics: Sequence[float],
    unit: str,
) -> "ScheduleCurve":
    """What a scheduler does; `unit` is what x counts, which may be epochs for a scheduler that goes by steps."""
    from service.plots.schedules import ScheduleCurve
    from sweeps.catalogue import optimizer_row
    from sweeps.errors import UserError
    from workers.lrsources import lr_source
    from workers.momentum import momentum_kind

    kind = momentum_kind(optimizer_row(optimizer).params)
    steps = epochs * steps_per_epoch
    try:
        source = lr_source(
            request.scheduler, request.params, [lr], steps, steps_per_epoch, momentum=kind, mode=request.mode
        )
    except Exception as error:
        # Torch refuses with ValueError, an expression may divide by zero, and a user's function raises anything.
        raise UserError(f"{request.label}: {error}") from error
    lrs, momenta = _follow(source, epochs, steps_per_epoch, metrics)
    for tick, value in enumerate(lrs):
        if not math.isfinite(value):
            word = "step" if source.by_step else "epoch"
            raise UserError(f"{request.label}: the LR of {word} {tick} is {value}; no training survives that")
    scale = steps_per_epoch if source.by_step and unit == "epoch" else 1
    x = [tick / scale for tick in range(len(lrs))]
    return ScheduleCurve(scheduler=request.scheduler, label=request.label, x=x, lrs=lrs, momenta=momenta)


def _follow(
    source: "Source", epochs: int, steps_per_epoch: int, metrics: Sequence[float]
) -> tuple[list[float], list[float] | None]:
    """LR and momentum of every epoch, or step, as the engine reads them; `metrics` is empty if nothing listens."""
    lrs: list[float] = []
    momenta: list[float] = []
    for epoch in range(epochs):
        first = epoch * steps_per_epoch
        for step in range(first, first + steps_per_epoch if source.by_step else first + 1):
            lrs += source.lrs(epoch=epoch, step=step)
            momenta += source.momenta(epoch=epoch, step=step) or ()
        if metrics:
            source.epoch_done(metrics[epoch])
    return lrs, momenta or None


def _read_metrics(file: Path | None, epochs: int, *, listener: bool) -> list[float]:
    """One metric an epoch from a file, numbers line by line or a JSON list; empty where nothing listens."""
    import json

    from sweeps.errors import UserError

    if not listener:
        if file is not None:
            raise UserError("--metric feeds ReduceLROnPlateau, which is not among the schedulers; leave it out")
        return []
    if file is None:
        raise UserError("ReduceLROnPlateau follows a metric: give --metric FILE with one number for each epoch")
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the metric file {file}: {error}") from error
    try:
        values = [float(value) for value in (json.loads(text) if text.startswith("[") else text.split())]
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} must hold one number a line, or a JSON list of numbers: {error}") from error
    if len(values) < epochs:
        raise UserError(f"{file} holds {len(values)} values for {epochs} epochs: give one for each, or fewer --epochs")
    return values[:epochs]


def _save(file: Path, curves: Sequence["ScheduleCurve"], unit: str) -> None:
    from service.plots import schedules
    from sweeps.errors import UserError

    try:
        file.write_bytes(schedules(curves, unit))
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}") from error
    notes().print(f"saved {file}", markup=False)


def _document(curve: "ScheduleCurve") -> dict[str, Any]:
    return {"lr": list(curve.lrs), "momentum": None if curve.momenta is None else list(curve.momenta)}


def _show(curves: Sequence["ScheduleCurve"], unit: str) -> None:
    from service.cli.terminalplot import line_plot

    width = min(results().width, 100)
    lrs = [(curve.label, curve.x, curve.lrs) for curve in curves]
    momenta = [(curve.label, curve.x, curve.momenta) for curve in curves if curve.momenta is not None]
    for name, lines in (("LR", lrs), ("momentum", momenta)):
        if lines:
            print(line_plot(lines, x_label=unit, y_label=name, width=width))
            print()
    for curve in curves:
        first, last = curve.lrs[0], curve.lrs[-1]
        print(f"{curve.label}: LR {first:.4g} at first, {max(curve.lrs):.4g} at most, {last:.4g} at last")
