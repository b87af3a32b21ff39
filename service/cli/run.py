"""Running sweeps: `lrsweep run`, `lrsweep validate`."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.cli.options import Json, StoreUrl, TrackingUri
from service.cli.output import notes, print_json, results
from service.cli.overrides import raw_spec

SpecFile = Annotated[Path | None, typer.Argument(metavar="FILE", help="The spec, a YAML file (docs/spec.md).")]
Task = Annotated[str | None, typer.Option(help="Built-in name, module:attribute or path/to/file.py:attribute.")]
Optimizers = Annotated[list[str] | None, typer.Option("--optimizer", help="An optimizer; may be given repeatedly.")]
Schedulers = Annotated[list[str] | None, typer.Option("--scheduler", help="A scheduler; may be given repeatedly.")]
Trials = Annotated[int | None, typer.Option(help="Configurations to try.")]
Epochs = Annotated[int | None, typer.Option(help="Epochs a trial.")]
Steps = Annotated[int | None, typer.Option(help="Optimizer steps a trial, instead of epochs.")]
Seeds = Annotated[int | None, typer.Option(help="Train every configuration with so many seeds.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the search itself.")]
Workers = Annotated[int | None, typer.Option(help="Workers that train at once.")]
Gpus = Annotated[float | None, typer.Option(help="GPUs a worker; may be a fraction.")]
Timeout = Annotated[str | None, typer.Option(help="Stop after this long: 90s, 10m, 2h.")]
Name = Annotated[str | None, typer.Option(help="The sweep's name.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other key: --set pruner.first_rung=3")
]


def run(
    file: SpecFile = None,
    name: Name = None,
    task: Task = None,
    optimizer: Optimizers = None,
    scheduler: Schedulers = None,
    trials: Trials = None,
    epochs: Epochs = None,
    steps: Steps = None,
    seeds: Seeds = None,
    seed: Seed = None,
    workers: Workers = None,
    gpus: Gpus = None,
    timeout: Timeout = None,
    settings: Settings = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with this sweep, or `last`, instead of a new one.")
    ] = None,
    runner: Annotated[
        Literal["ray", "inline"], typer.Option(help="Ray workers, or this process (for a debugger).")
    ] = "ray",
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Join this Ray cluster instead of starting a local one.")
    ] = None,
    store: StoreUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
    retry_failed: Annotated[bool, typer.Option(hidden=True)] = False,
) -> int:
    """Run a sweep: range tests, then trials, then the best initial LR per optimizer and scheduler.

    The spec is a FILE, flags, or both (flags win). Ctrl-C stops within an epoch and keeps what was done;
    `--resume ID` goes on from there.
    """
    from service.home import Home
    from service.launch import Place, launch
    from service.store import Store
    from sweeps.errors import UserError
    from sweeps.specfile import parse_spec

    raw = None
    if resume is None:
        raw = raw_spec(
            file,
            _flags(name, task, optimizer, scheduler, trials, epochs, steps, seeds, seed, workers, gpus, timeout),
            settings or [],
        )
        spec = parse_spec(raw)
    elif file is not None:
        raise UserError("--resume goes on with a recorded sweep and its own spec: leave FILE out")
    home = Home.find(store=store, tracking_uri=tracking_uri)
    opened = Store.open(home.store_url)
    if raw is None:
        assert resume is not None
        sweep_id = opened.resolve(resume)
        spec = parse_spec(opened.sweep(sweep_id).spec)
        _refuse_complete(opened, sweep_id, retry_failed)

    def claimed() -> str:
        if raw is not None:
            return opened.create_sweep(name=spec.name, task=spec.task.use, spec=raw, total_trials=spec.total_trials)
        return sweep_id

    from service.cli.progress import progress

    with progress(spec) as watcher:
        launched = launch(
            home,
            opened,
            spec,
            place=Place(runner=runner, address=address),
            sweep_id=claimed,
            watcher=watcher,
            say=watcher.say,
            retry_failed=retry_failed,
        )
    return _report(home, opened, spec, launched, json=json)


def _flags(
    name: str | None,
    task: str | None,
    optimizers: list[str] | None,
    schedulers: list[str] | None,
    trials: int | None,
    epochs: int | None,
    steps: int | None,
    seeds: int | None,
    seed: int | None,
    workers: int | None,
    gpus: float | None,
    timeout: str | None,
) -> dict[str, Any]:
    """Flags by the key of the spec that they stand for."""
    return {
        "name": name,
        "task": task,
        "optimizers": optimizers,
        "schedulers": schedulers,
        "trials": trials,
        "budget.epochs": epochs,
        "budget.steps": steps,
        "seeds": seeds,
        "seed": seed,
        "workers.count": workers,
        "workers.gpus": gpus,
        "timeout": timeout,
    }


def _refuse_complete(store: Any, sweep_id: str, retry_failed: bool) -> None:
    from service.records import Status
    from sweeps.errors import UserError
    from sweeps.records import Outcome

    record = store.sweep(sweep_id)
    if retry_failed:
        if (
            not any(trial.outcome is Outcome.FAILED for trial in store.trials(sweep_id))
            and record.status is Status.DONE
        ):
            raise UserError(f"sweep {sweep_id} has no FAILED trial to train again")
    elif record.status is Status.DONE:
        raise UserError(f"sweep {sweep_id} is DONE: see `lrsweep pick {sweep_id}`")


def _report(home: Any, store: Any, spec: Any, launched: Any, *, json: bool) -> int:
    """Prints what came out, and how to look at it or go on; returns the exit code."""
    from service.cli.tables import picks_table
    from service.tracking.links import run_url, without_password
    from service.views import sweep_document
    from sweeps.records import Ending

    sweep_id = launched.sweep_id
    if json:
        print_json(sweep_document(store, sweep_id))
    elif picks := store.picks(sweep_id):
        results().print(picks_table(picks, spec.objective))
    say = notes()
    record = store.sweep(sweep_id)
    say.print(f"sweep {sweep_id} is {record.status.value}: {record.trials} of {record.total_trials} trials ended")
    say.print(f"store: {without_password(home.store_url)}")
    if record.mlflow:
        say.print(f"MLflow: run `lrsweep ui {sweep_id}`, then open {run_url(record.mlflow)}")
    if launched.mlflow_trouble and launched.ending is not Ending.INTERRUPTED:
        say.print(f"MLflow lacks part of it ({launched.mlflow_trouble}); the store has all of it:")
        say.print(f"  lrsweep db sync {sweep_id}")
        return 1
    if launched.ending is Ending.INTERRUPTED:
        say.print(f"go on with: lrsweep run --resume {sweep_id}")
        return 130
    return 0


def validate(
    file: SpecFile = None,
    name: Name = None,
    task: Task = None,
    optimizer: Optimizers = None,
    scheduler: Schedulers = None,
    trials: Trials = None,
    epochs: Epochs = None,
    steps: Steps = None,
    seeds: Seeds = None,
    seed: Seed = None,
    workers: Workers = None,
    gpus: Gpus = None,
    timeout: Timeout = None,
    settings: Settings = None,
    json: Json = False,
) -> int:
    """Check a spec without running it: all mistakes together, each with its place and what is allowed."""
    from sweeps.errors import SpecError
    from sweeps.specfile import parse_spec

    flags = _flags(name, task, optimizer, scheduler, trials, epochs, steps, seeds, seed, workers, gpus, timeout)
    try:
        spec = parse_spec(raw_spec(file, flags, settings or []))
    except SpecError as error:
        if not json:
            raise
        problems = [{"path": problem.path, "message": problem.message} for problem in error.problems]
        print_json({"valid": False, "problems": problems})
        return 2
    if json:
        print_json({"valid": True, "problems": []})
        return 0
    arms = len(spec.optimizers) * len(spec.schedulers)
    print(
        f"{file or 'the spec'} is valid: {spec.total_trials} trials over {arms} pairs of optimizer and scheduler, "
        f"sampler {spec.sampler.name}, pruner {spec.pruner.name}, {spec.workers.count} workers",
        file=sys.stdout,
    )
    return 0
