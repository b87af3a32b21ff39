"""Sweeps on a server, watched from here: submitted or queued again, followed, and shown like those of our own."""

import sys
from collections.abc import Callable

import typer

from service.cli.conduct import print_results
from service.cli.following import follow
from service.cli.output import notes
from service.cli.progress import progress
from service.records import Status, SweepSummary
from service.remote.archive import RemoteArchive
from sweeps.errors import UserError
from sweeps.specfile import known_spec


def refuse_placement(**given: object) -> None:
    """Raises UserError for options that say where to train: a server's coordinator decides that."""
    if wrong := [f"--{name.replace('_', '-')}" for name, value in given.items() if value not in (None, "auto")]:
        raise UserError(f"with --server its coordinator decides where sweeps train: leave {', '.join(wrong)} out")


def conduct_remotely(archive: RemoteArchive, begin: Callable[[], SweepSummary], *, json: bool) -> int:
    """Begins a sweep on a server, follows it to its end, and says what came out; returns the exit code.

    Ctrl-C leaves it alone, or cancels it if the user says so.
    """
    sweep_id = begin().id
    record = archive.sweep(sweep_id)
    spec = known_spec(record.spec)
    say = notes()
    say.print(f"sweep {sweep_id} is on {archive.connection.url}; Ctrl-C leaves it there")
    try:
        with progress(spec) as watcher:
            for finding in record.findings:
                watcher.say(f"warning: {finding}")
            follow(archive, sweep_id, watcher, spec.objective.metric)
    except KeyboardInterrupt:
        return _left(archive, sweep_id)
    print_results(archive, sweep_id, spec, json=json)
    ended = archive.sweep(sweep_id)
    say.print(f"sweep {sweep_id} is {ended.status.value}: {ended.trials} of {ended.total_trials} trials ended")
    if ended.error:
        say.print(f"error: {ended.error}", markup=False)
    return 0 if ended.status is Status.DONE else 1


def _left(archive: RemoteArchive, sweep_id: str) -> int:
    say = notes()
    if sys.stdin.isatty() and typer.confirm("cancel the sweep on the server too?", default=False, err=True):
        archive.request_cancel(sweep_id)
        say.print(f"sweep {sweep_id} is asked to stop; its running trials end within an epoch")
    else:
        say.print(f"sweep {sweep_id} goes on without you: `lrsweep show {sweep_id}`, `lrsweep cancel {sweep_id}`")
    return 130
