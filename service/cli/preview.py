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
    from sweeps.catalogue import optimizer_row, scheduler_row
    from sweeps.errors import UserError

    try:
        initial_lr = optimizer_row(optimizer).default_lr if lr is None else lr
    except ValueError as error:
        raise UserError(str(error)) from error
    if not 0 < initial_lr < math.inf:
        raise UserError(f"--lr must be a number with 0 < value, got {initial_lr:g}")
    if save is not None and save.suffix.lower() != ".png":
        raise UserError(f"--save writes a PNG picture: name it {save.stem or 'schedules'}.png, not {save.name}")
    requests = read_requests(schedulers)
    clocks = [scheduler_row(request.scheduler).clock for request in requests]
    metrics = _read_metrics(metric, epochs, listener="metric" in clocks)
    if "step" in clocks and steps_per_epoch is None:
        name = requests[clocks.index("step")].scheduler
        notes().print(f"{name} goes by steps; one step an epoch is shown, unless --steps-per-epoch says more")
    unit = "step" if set(clocks) == {"step"} else "epoch"
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
    from sweeps.catalogue import scheduler_row
    from sweeps.errors import UserError
    from workers.schedules import schedule_table

    row = scheduler_row(request.scheduler)
    params = {name: rule(epochs) for name, rule in row.from_budget.items()} | dict(request.params)
    momenta = None
    try:
        if row.clock == "metric":
            lrs = _follow_metric(params, lr, metrics)
        else:
            ticks = epochs * steps_per_epoch if row.clock == "step" else epochs
            table = schedule_table(request.scheduler, params, [lr], ticks, optimizer=optimizer)
            lrs = [groups[0] for groups in table.lrs]
            momenta = [groups[0] for groups in table.momenta] if table.momenta is not None else None
    except (ValueError, ArithmeticError) as error:
        raise UserError(f"{request.label}: {error}") from error
    for tick, value in enumerate(lrs):
        if not math.isfinite(value):
            raise UserError(f"{request.label}: the LR of {row.clock} {tick} is {value}; no training survives that")
    scale = steps_per_epoch if row.clock == "step" and unit == "epoch" else 1
    x = [tick / scale for tick in range(len(lrs))]
    return ScheduleCurve(scheduler=request.scheduler, label=request.label, x=x, lrs=lrs, momenta=momenta)


def _follow_metric(params: dict[str, Any], lr: float, metrics: Sequence[float]) -> list[float]:
    """The LR of every epoch under the live plateau of the engine, told one metric an epoch."""
    import torch

    from sweeps.objective import Objective
    from workers.schedules import PlateauSchedule

    optimizer = torch.optim.SGD([torch.zeros(())], lr=lr)
    mode = params.pop("mode", "min")
    objective = Objective(direction="maximize" if mode == "max" else "minimize")
    schedule = PlateauSchedule(optimizer, objective, params)
    lrs = []
    for epoch, metric in enumerate(metrics):
        schedule.set(epoch=epoch, step=epoch)
        lrs.append(float(optimizer.param_groups[0]["lr"]))
        schedule.epoch_done(metric)
    return lrs


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
