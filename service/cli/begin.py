"""Beginning a sweep, or going on with one: in this process, or on a server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.cli.conduct import conduct, open_home
from service.opened import open_server
from service.place import Place, RunnerKind
from service.records import Status
from sweeps.errors import UserError
from sweeps.records import Outcome
from sweeps.specfile import parse_spec

if TYPE_CHECKING:
    from service.remote.archive import RemoteArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What a command line says about the place: who trains, and who remembers."""

    runner: RunnerKind
    address: str | None
    store: str | None
    server: str | None
    tracking_uri: str | None

    def ask(self) -> "RemoteArchive | None":
        """The server, if one is named. Raises UserError for options that are its coordinator's business."""
        archive = open_server(self.store, self.server)
        if archive is not None:
            from service.cli.remote import refuse_placement

            refuse_placement(runner=self.runner, address=self.address, tracking_uri=self.tracking_uri)
        return archive

    @property
    def place(self) -> Place:
        """Where trials train, if here."""
        return Place(runner=self.runner, address=self.address)


def begin(read: Callable[[], dict[str, Any]], where: Where, *, json: bool) -> int:
    """Runs a new sweep to its end; `read` gives its raw spec. Returns the exit code."""
    archive = where.ask()
    raw = read()
    if archive is not None:
        from service.cli.remote import conduct_remotely

        return conduct_remotely(archive, lambda: archive.submit(raw), json=json)
    spec = parse_spec(raw)
    home, store = open_home(where.store, where.tracking_uri)

    def create() -> str:
        return store.create_sweep(name=spec.name, task=spec.task.use, spec=raw, total_trials=spec.total_trials)

    return conduct(home, store, spec, create, place=where.place, json=json)


def go_on(sweep: str, where: Where, *, json: bool, retry_failed: bool = False) -> int:
    """Goes on with a recorded sweep, its FAILED trials too if asked; returns the exit code.

    Raises UserError for a sweep that is done.
    """
    archive = where.ask()
    if archive is not None:
        from service.cli.remote import conduct_remotely

        sweep_id = archive.resolve(sweep)
        return conduct_remotely(archive, lambda: archive.requeue(sweep_id, retry_failed=retry_failed), json=json)
    home, store = open_home(where.store, where.tracking_uri)
    sweep_id = store.resolve(sweep)
    trials = store.trials(sweep_id)
    earlier = [trial for trial in trials if not (retry_failed and trial.outcome is Outcome.FAILED)]
    if store.sweep(sweep_id).status is Status.DONE and len(earlier) == len(trials):
        lacks = " and has no FAILED trial to train again" if retry_failed else ""
        raise UserError(
            f"sweep {sweep_id} is DONE{lacks}: see `lrsweep pick {sweep_id}`; `lrsweep db sync {sweep_id}` writes what "
            "MLflow may lack of it"
        )
    return conduct(
        home,
        store,
        parse_spec(store.sweep(sweep_id).spec),
        lambda: sweep_id,
        place=where.place,
        json=json,
        retry_failed=retry_failed,
        earlier=earlier,
    )
