"""Following a sweep that runs elsewhere: what happens in a store or on a server, told to a watcher."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx2

from service.archive import Archive
from service.cli.progress import Watcher
from service.records import ReportRecord, Status, TrialRecord
from service.remote.archive import RemoteArchive
from service.remote.records import range_test_of, report_of, trial_of
from service.store import Store
from sweeps.errors import EnvironmentFailure
from sweeps.records import Ended, RangeTest, Report

_PATIENCE = 60.0
"""Seconds for which a server may be away while we follow."""
_PAUSE, _POLL = 1.0, 0.5
"""Seconds before a server is asked again, and between two looks at a store."""
_OVERLAP = timedelta(seconds=10)
"""A trial may have ended by another machine's clock."""


class Shown:
    """Passes on to a watcher what is seen of a sweep, each thing once, in whatever order it is seen."""

    def __init__(self, archive: Archive, sweep_id: str, watcher: Watcher, metric: str):
        self._archive, self._sweep_id, self._watcher, self._metric = archive, sweep_id, watcher, metric
        self._ended: dict[int, datetime | None] = {}
        self._told: set[tuple[int, datetime | None]] = set()
        self._tested: set[str] = set()
        self._knows_epochs = False
        self.status = Status.QUEUED

    def begin(self) -> None:
        """Shows the range tests and trials that are over, and takes from there how fast the sweep goes."""
        record = self._archive.sweep(self._sweep_id)
        for test in self._archive.range_tests(self._sweep_id):
            self.range_test(test)
        for trial in self._archive.trials(self._sweep_id):
            if trial.outcome is not None:
                self.end(trial)
        if record.status is Status.RUNNING and record.started is not None:
            self._watcher.tally.already((datetime.now(UTC) - record.started).total_seconds())
        else:
            self._watcher.tally.from_here()

    def sweep(self, status: Status) -> None:
        """Shows where the whole sweep is."""
        self.status = status
        if status in (Status.QUEUED, Status.INTERRUPTED):
            self._watcher.phase = "waiting for a coordinator"

    def range_test(self, test: RangeTest) -> None:
        """Shows a range test."""
        if test.optimizer not in self._tested:
            self._tested.add(test.optimizer)
            self._watcher.range_tested(test)

    def report(self, report: ReportRecord) -> None:
        """Shows an epoch of a trial that runs."""
        if report.number not in self._watcher.running and not self._runs(report.number, report.at):
            return
        said = Report(
            key=f"trial {report.number}",
            epoch=report.epoch,
            step=report.step,
            metrics=report.metrics,
            lrs=report.lrs,
            seconds=report.seconds,
        )
        self._watcher.reported([(report.number, said, report.metrics.get(self._metric))])

    def end(self, trial: TrialRecord) -> None:
        """Shows how a trial ended."""
        number, outcome = trial.proposal.number, trial.outcome
        assert outcome is not None
        # The moment too: a trial that is retried ends again.
        if (mark := (number, trial.ended)) in self._told:
            return
        self._told.add(mark)
        self._ended[number] = trial.ended
        key = f"trial {number}"
        if number not in self._watcher.running:
            self._watcher.proposed(trial.proposal)
            # Its reports came when it was over already; how far it got is all there is to show.
            if trial.epochs:
                so_far = Report(key=key, epoch=trial.epochs, step=0, metrics={}, lrs=())
                self._watcher.reported([(number, so_far, trial.value)])
        self._watcher.ended(number, Ended(key=key, outcome=outcome, error=trial.error), trial.value)

    def _runs(self, number: int, reported: datetime) -> bool:
        """Introduces a trial that runs; False for one that is over, whose end tells how far it came."""
        ended = self._ended.get(number)
        if ended is not None and reported <= ended:
            return False
        trial = self._archive.trial(self._sweep_id, number)
        if trial.outcome is not None:
            self._ended[number] = trial.ended
            return False
        if not self._knows_epochs:
            self._knows_epochs = True
            self._watcher.tally.steps_per_epoch(self._archive.sweep(self._sweep_id).steps_per_epoch or 1)
        self._watcher.proposed(trial.proposal)
        return True


def follow(archive: Store | RemoteArchive, sweep_id: str, watcher: Watcher, metric: str) -> None:
    """Tells a watcher what becomes of a sweep, from what is over already to its end; `metric` is the objective's.

    Raises EnvironmentFailure where the store or the server is away.
    """
    show = Shown(archive, sweep_id, watcher, metric)
    show.begin()
    if isinstance(archive, RemoteArchive):
        follow_server(archive, sweep_id, show)
    else:
        follow_store(archive, sweep_id, show)


def follow_store(store: Store, sweep_id: str, show: Shown) -> None:
    """Looks into a store from time to time, until the sweep ends or is interrupted."""
    last, since = 0, None
    while True:
        # First, so that all that led to an end is there when the end is seen.
        status = store.sweep(sweep_id).status
        for test in store.range_tests(sweep_id):
            show.range_test(test)
        while page := store.reports(sweep_id, after=last):
            last = page[-1].id
            for report in page:
                show.report(report)
        for trial in store.ended_trials(sweep_id, since=since and since - _OVERLAP):
            since = trial.ended
            show.end(trial)
        show.sweep(status)
        if status.ended or status is Status.INTERRUPTED:
            return
        time.sleep(_POLL)


def follow_server(archive: RemoteArchive, sweep_id: str, show: Shown, *, patience: float = _PATIENCE) -> None:
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
                match kind:
                    case "range-test":
                        show.range_test(range_test_of(document))
                    case "report":
                        show.report(report_of(document))
                    case "trial":
                        show.end(trial_of(document))
                    case "sweep":
                        show.sweep(Status(document["status"]))
                        if show.status.ended:
                            return
        if time.monotonic() - heard > patience:
            raise EnvironmentFailure(
                f"{archive.connection.url} has been away for {patience:.0f} seconds; sweep {sweep_id} is kept there: "
                f"look again with `lrsweep show {sweep_id}`"
            )
        time.sleep(_PAUSE)
