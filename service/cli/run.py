"""Running sweeps: `lrsweep run`, `lrsweep validate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import Json, ServerUrl, StoreUrl, TrackingUri, open_server
from service.cli.output import notes, print_json
from service.cli.overrides import raw_spec

if TYPE_CHECKING:
    from service.store import Store

SpecFile = Annotated[Path | None, typer.Argument(metavar="FILE", help="The spec, a YAML file (docs/spec.md).")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other key: --set pruner.first_rung=3")
]


def run(
    file: SpecFile = None,
    name: Annotated[str | None, typer.Option(help="The sweep's name.")] = None,
    task: Annotated[
        str | None, typer.Option(help="Built-in name, module:attribute or path/to/file.py:attribute.")
    ] = None,
    optimizer: Annotated[
        list[str] | None, typer.Option("--optimizer", help="An optimizer; may be given repeatedly.")
    ] = None,
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
    runner: Annotated[
        Literal["auto", "ray", "inline"],
        typer.Option(help="Ray workers, or this process; auto: this process for one worker without --address."),
    ] = "auto",
    address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Join this Ray cluster instead of starting a local one.")
    ] = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
    tracking_uri: TrackingUri = None,
    json: Json = False,
) -> int:
    """Run a sweep: range tests, then trials, then the best initial LR per optimizer and scheduler.

    The spec is a FILE, flags, or both (flags win). Ctrl-C stops within an epoch and keeps what was done;
    `--resume ID` goes on from there. With `--server` it runs there, and Ctrl-C only leaves it.
    """
    from service.cli.conduct import conduct, open_home
    from service.launch import Place
    from sweeps.errors import UserError
    from sweeps.specfile import parse_spec

    place, archive = Place(runner=runner, address=address), open_server(store, server)
    if archive is not None:
        from service.cli.remote import conduct_remotely, refuse_placement

        refuse_placement(runner=runner, address=address, tracking_uri=tracking_uri)
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
        if archive is not None:
            remote_id = archive.resolve(resume)
            return conduct_remotely(archive, lambda: archive.requeue(remote_id), json=json)
        home, opened = open_home(store, tracking_uri)
        sweep_id = opened.resolve(resume)
        _refuse_done(opened, sweep_id)
        return conduct(home, opened, parse_spec(opened.sweep(sweep_id).spec), lambda: sweep_id, place=place, json=json)
    raw = raw_spec(file, flags, settings or [])
    if archive is not None:
        return conduct_remotely(archive, lambda: archive.submit(raw), json=json)
    spec = parse_spec(raw)
    home, opened = open_home(store, tracking_uri)

    def create() -> str:
        return opened.create_sweep(name=spec.name, task=spec.task.use, spec=raw, total_trials=spec.total_trials)

    return conduct(home, opened, spec, create, place=place, json=json)


def _refuse_done(store: "Store", sweep_id: str) -> None:
    from service.records import Status
    from sweeps.errors import UserError

    if store.sweep(sweep_id).status is Status.DONE:
        raise UserError(f"sweep {sweep_id} is DONE: see `lrsweep pick {sweep_id}`")


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
