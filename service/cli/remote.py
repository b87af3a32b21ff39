"""Sweeps on a server, watched from here: submitted or queued again, followed, and shown like those of our own."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2
import typer

from service.cli.conduct import print_results
from service.cli.output import notes
from service.cli.progress import Watcher, progress
from service.records import Status, SweepRecord
from service.remote.archive import RemoteArchive
from service.remote.records import range_test_of, report_of, trial_of
from sweeps.errors import EnvironmentFailure, UserError
from sweeps.records import Ended, Report
from sweeps.specfile import parse_spec

_PATIENCE = 60.0
"""Seconds for which a server may be away while we follow."""
_PAUSE = 1.0


def refuse_placement(**given: object) -> None:
    """Raises UserError for options that say where to train: a server's coordinator decides that."""
    if wrong := [f"--{name.replace('_', '-')}" for name, value in given.items() if value not in (None, "auto")]:
        raise UserError(f"with --server its coordinator decides where sweeps train: leave {', '.join(wrong)} out")


def conduct_remotely(archive: RemoteArchive, begin: Callable[[], SweepRecord], *, json: bool) -> int:
    """Begins a sweep on a server, follows it to its end, and says what came out; returns the exit code.

    Ctrl-C leaves it alone, or cancels it if the user says so.
    """
    sweep_id = begin().id
    record = archive.sweep(sweep_id)
    spec = parse_spec(record.spec, check=lambda use, noun: None)
    say = notes()
    say.print(f"sweep {sweep_id} is on {archive.connection.url}; Ctrl-C leaves it there")
    try:
        with progress(spec) as watcher:
            for finding in record.findings:
                watcher.say(f"warning: {finding}")
            follow(archive, sweep_id, Shown(archive, sweep_id, watcher, spec.objective.metric))
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


class Shown:
    """Passes a stream's events on to a watcher, each once."""

    def __init__(self, archive: RemoteArchive, sweep_id: str, watcher: Watcher, metric: str):
        self._archive, self._sweep_id, self._watcher, self._metric = archive, sweep_id, watcher, metric
        self._ended: set[tuple[int, str | None]] = set()
        self._tested: set[str] = set()
        self.status = Status.QUEUED

    def __call__(self, kind: str, document: Any) -> None:
        """Shows one event."""
        match kind:
            case "sweep":
                self.status = Status(document["status"])
                if self.status in (Status.QUEUED, Status.INTERRUPTED):
                    self._watcher.phase = "waiting for a coordinator"
            case "range-test" if document["optimizer"] not in self._tested:
                self._tested.add(document["optimizer"])
                self._watcher.range_tested(range_test_of(document))
            case "report":
                self._report(document)
            case "trial" if (mark := (document["number"], document["ended"])) not in self._ended:
                self._ended.add(mark)
                self._end(document)

    def _report(self, document: Any) -> None:
        report = report_of(document)
        if report.number not in self._watcher.running:
            trial = self._archive.trial(self._sweep_id, report.number)
            if trial.outcome is not None:
                return
            self._watcher.proposed(trial.proposal)
        said = Report(
            key=f"trial {report.number}",
            epoch=report.epoch,
            step=report.step,
            metrics=report.metrics,
            lrs=report.lrs,
            seconds=report.seconds,
        )
        self._watcher.reported([(report.number, said, report.metrics.get(self._metric))])

    def _end(self, document: Any) -> None:
        trial = trial_of(document)
        number, outcome = trial.proposal.number, trial.outcome
        assert outcome is not None
        key = f"trial {number}"
        if number not in self._watcher.running:
            self._watcher.proposed(trial.proposal)
            # Its reports came when it was over already; how far it got is all there is to show.
            if trial.epochs:
                so_far = Report(key=key, epoch=trial.epochs, step=0, metrics={}, lrs=())
                self._watcher.reported([(number, so_far, trial.value)])
        self._watcher.ended(number, Ended(key=key, outcome=outcome, error=trial.error), trial.value)


def follow(archive: RemoteArchive, sweep_id: str, show: Shown, *, patience: float = _PATIENCE) -> None:
    """Shows the events of a sweep until it ends, through cut connections and restarts of server and coordinator.

    Raises EnvironmentFailure if the server stays away for longer than `patience` seconds.
    """
    last, heard = 0, time.monotonic()
    while True:
        with (
            suppress(httpx2.TransportError),
            archive.connection.stream("sweeps", sweep_id, "events", last=last) as events,
        ):
            for kind, number, document in events:
                heard = time.monotonic()
                last = number or last
                show(kind, document)
                if kind == "sweep" and show.status.ended:
                    return
        if time.monotonic() - heard > patience:
            raise EnvironmentFailure(
                f"{archive.connection.url} has been away for {patience:.0f} seconds; sweep {sweep_id} is kept there: "
                f"look again with `lrsweep show {sweep_id}`"
            )
        time.sleep(_PAUSE)
