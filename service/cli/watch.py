"""Following a sweep that runs elsewhere: `lrsweep watch`."""

import time
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING

from service.cli.options import ServerUrl, StoreUrl, SweepRef, open_here, open_server
from service.cli.output import notes

if TYPE_CHECKING:
    from service.archive import Archive
    from service.cli.progress import Watcher
    from service.records import SweepRecord
    from sweeps.objective import Objective

_PAUSE = 0.5
"""Seconds between two looks at the store."""


def watch(sweep: SweepRef = "last", store: StoreUrl = None, server: ServerUrl = None) -> int:
    """Follow a sweep to its end, wherever it runs. Ctrl-C stops watching, and leaves the sweep running."""
    from service.cli.conduct import print_results
    from service.cli.progress import progress
    from service.passports import Passports

    remote = open_server(store, server)
    archive = remote or open_here(store)
    sweep_id = archive.resolve(sweep)
    spec = Passports.of(archive.sweep(sweep_id)).spec
    notes().print(f"watching sweep {sweep_id}; Ctrl-C leaves it running")
    try:
        with progress(spec) as watcher:
            if remote is not None:
                from service.cli.remote import Shown, follow

                follow(remote, sweep_id, Shown(remote, sweep_id, watcher, spec.objective.metric))
            else:
                follow_archive(archive, sweep_id, watcher, spec.objective)
    except KeyboardInterrupt:
        notes().print(f"sweep {sweep_id} goes on: look again with `lrsweep watch {sweep_id}`")
        return 130
    print_results(archive, sweep_id, spec, json=False)
    return _code(archive.sweep(sweep_id))


def follow_archive(archive: "Archive", sweep_id: str, watcher: "Watcher", objective: "Objective") -> None:
    """Tells a watcher what becomes of a sweep, until that ends or is interrupted."""
    if began := archive.sweep(sweep_id).started:
        watcher.tally.already((datetime.now(UTC) - began).total_seconds())
    shown = _Shown(archive, sweep_id, watcher, objective)
    while True:
        # The status before the rest: of a sweep that is seen to have ended, all is then there to be read.
        status = archive.sweep(sweep_id).status
        shown.look()
        if status.ended or status.value == "INTERRUPTED":
            return
        if status.value == "QUEUED":
            watcher.phase = "waiting to run"
        time.sleep(_PAUSE)


class _Shown:
    """What a watcher has been told of a sweep so far."""

    def __init__(self, archive: "Archive", sweep_id: str, watcher: "Watcher", objective: "Objective"):
        self._archive, self._id, self._watcher, self._objective = archive, sweep_id, watcher, objective
        self._tested: set[str] = set()
        self._ended: set[int] = set()
        self._cursor = 0

    def look(self) -> None:
        """Tells what is new."""
        from sweeps.records import Ended

        record = self._archive.sweep(self._id)
        if record.steps_per_epoch:
            self._watcher.tally.steps_per_epoch(record.steps_per_epoch)
        for test in self._archive.range_tests(self._id):
            if test.optimizer not in self._tested:
                self._tested.add(test.optimizer)
                self._watcher.range_tested(test)
        # Trials before reports: of a trial that is seen to have ended, every report is then there to be read.
        trials = self._archive.trials(self._id)
        for trial in trials:
            number = trial.proposal.number
            if number not in self._ended and number not in self._watcher.running:
                self._watcher.proposed(trial.proposal)
        self._reports()
        for trial in trials:
            number, outcome = trial.proposal.number, trial.outcome
            if outcome is not None and number not in self._ended:
                self._ended.add(number)
                self._watcher.ended(
                    number, Ended(key=f"trial {number}", outcome=outcome, error=trial.error), trial.value
                )

    def _reports(self) -> None:
        """Tells of new epochs, up to the first one of a trial that was proposed since the trials were read."""
        from sweeps.records import Report

        seen = self._ended | set(self._watcher.running)
        while page := self._archive.reports(self._id, after=self._cursor):
            known = list(takewhile(lambda each: each.number in seen, page))
            said = [
                Report(
                    key=f"trial {each.number}",
                    epoch=each.epoch,
                    step=each.step,
                    metrics=each.metrics,
                    lrs=each.lrs,
                    seconds=each.seconds,
                )
                for each in known
            ]
            self._watcher.reported(
                [
                    (each.number, report, each.metrics.get(self._objective.metric))
                    for each, report in zip(known, said, strict=True)
                    if each.number in self._watcher.running
                ]
            )
            self._cursor = known[-1].id if known else self._cursor
            if len(known) < len(page):
                return


def _code(record: "SweepRecord") -> int:
    """Says how it ended; 0 if it is DONE, 130 if it can be resumed, else 1."""
    say = notes()
    say.print(f"sweep {record.id} is {record.status.value}: {record.trials} of {record.total_trials} trials ended")
    if record.error:
        say.print(f"error: {record.error}", markup=False)
    if record.status.value == "INTERRUPTED":
        say.print(f"go on with: lrsweep run --resume {record.id}")
    return {"DONE": 0, "INTERRUPTED": 130}.get(record.status.value, 1)
