"""Running sweeps: `lrsweep run`, `lrsweep validate`."""

from typing import Annotated

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
from service.cli.output import notes, print_json
from service.cli.overrides import raw_spec


def run(
    file: SpecFile = None,
    name: SweepName = None,
    task: Task = None,
    optimizer: Optimizers = None,
    scheduler: Annotated[
        list[str] | None, typer.Option("--scheduler", help="A scheduler; may be given repeatedly.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Configurations to try.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs a trial.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps a trial, instead of epochs.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Train every configuration with so many seeds.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the search itself.")] = None,
    workers: Annotated[int | None, typer.Option(help="Workers that train at once.")] = None,
    gpus: Annotated[float | None, typer.Option(help="GPUs a worker; may be a fraction.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Stop after this long: 90s, 10m, 2h.")] = None,
    settings: Settings = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with this sweep, or `last`, instead of a new one.")
    ] = None,
    runner: RunnerName = "auto",
    address: RayAddress = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
) -> int:
    """Run a sweep: range tests, then trials, then the best initial LR per optimizer and scheduler.

    The spec is a FILE, flags, or both (flags win). Ctrl-C stops within an epoch and keeps what was done;
    `--resume ID` goes on from there. With `--server` it runs there, and Ctrl-C only leaves it.
    """
    load_ahead(store, server)
    from service.cli.begin import Where, begin, go_on
    from sweeps.errors import UserError

    if epochs is not None and steps is not None:
        raise UserError(f"--epochs {epochs} and --steps {steps} both say how long a trial trains: give one of them")
    where = Where(runner=runner, address=address, store=store, server=server, tracking_uri=tracking_uri)
    flags = {
        "name": name,
        "task": task,
        "optimizers": optimizer,
        "schedulers": scheduler,
        "trials": trials,
        "budget.epochs": epochs,
        "budget.steps": steps,
        "seeds": seeds,
        "seed": seed,
        "workers.count": workers,
        "workers.gpus": gpus,
        "timeout": timeout,
    }
    if resume is not None:
        if file is not None or settings or any(value not in (None, []) for value in flags.values()):
            raise UserError("--resume goes on with a recorded sweep and its own spec: leave FILE and other flags out")
        return go_on(resume, where, json=json)
    return begin(lambda: raw_spec(file, flags, settings or []), where, json=json)


def validate(file: SpecFile = None, settings: Settings = None, json: Json = False) -> int:
    """Check a spec without running it: all mistakes together, and what will mean less than it seems to."""
    from sweeps.errors import SpecError
    from sweeps.lint import cannot_work, lint, refuse_errors
    from sweeps.pairs import pairs_of
    from sweeps.specfile import parse_spec

    try:
        spec = parse_spec(raw_spec(file, {}, settings or []))
        findings = lint(spec)
        refuse_errors(findings)
    except SpecError as error:
        if not json:
            raise
        problems = [{"path": problem.path, "message": problem.message} for problem in error.problems]
        print_json({"valid": False, "problems": problems, "warnings": []})
        return 2
    if json:
        warnings = [{"path": finding.where, "message": finding.message} for finding in findings]
        print_json({"valid": True, "problems": [], "warnings": warnings})
        return 0
    arms = sum(1 for _ in pairs_of(spec)) - sum(len(each.pairs) for each in cannot_work(spec))
    print(
        f"{file or 'the spec'} is valid: {spec.total_trials} trials over {arms} pairs of optimizer and scheduler, "
        f"sampler {spec.sampler.name}, pruner {spec.pruner.name}, {spec.workers.count} workers"
    )
    for finding in findings:
        notes().print(f"warning: {finding}", markup=False)
    return 0
