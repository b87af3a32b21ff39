"""The sweeps of a server: `service.archive.Archive` over HTTP, and what only a server can do."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from service.records import Curve, ReportRecord, Status, SweepRecord, SweepSummary, TrialRecord
from service.remote.http import Connection
from service.remote.records import (
    curve_of,
    pick_of,
    range_test_of,
    report_of,
    summary_of,
    sweep_of,
    trial_of,
)
from sweeps.records import Pick, RangeTest

Item = TypeVar("Item")

_MOST = 500
"""Sweeps of a page."""
_TRIALS = 1000
"""Trials of a page."""


class RemoteArchive:
    """Everything that commands read and ask, answered by a server. Raises what a store raises."""

    def __init__(self, connection: Connection):
        self.connection = connection

    def resolve(self, ref: str) -> str:
        """The id that `last`, an id or its beginning stands for there."""
        return str(self.connection.get("sweeps", ref)["sweep"])

    def sweep(self, sweep_id: str) -> SweepRecord:
        """One sweep."""
        return sweep_of(self.connection.get("sweeps", sweep_id))

    def sweeps(self, *, limit: int = 50, before: str | None = None, status: Status | None = None) -> list[SweepSummary]:
        """The sweeps, newest first."""
        found: list[SweepSummary] = []
        while len(found) < limit:
            page = self.connection.get("sweeps", limit=min(_MOST, limit - len(found)), before=before, status=status)
            found += map(summary_of, page["items"])
            before = page["next"]
            if before is None:
                break
        return found

    def trials(self, sweep_id: str) -> list[TrialRecord]:
        """The trials by number."""
        return list(self._pages(trial_of, "sweeps", sweep_id, "trials", after=-1, limit=_TRIALS))

    def trial(self, sweep_id: str, number: int) -> TrialRecord:
        """One trial."""
        return trial_of(self.connection.get("sweeps", sweep_id, "trials", number))

    def reports(self, sweep_id: str, *, after: int = 0, limit: int = 5000) -> list[ReportRecord]:
        """Reports of all trials with an id above `after`, by id."""
        page = self.connection.get("sweeps", sweep_id, "reports", after=after, limit=limit)
        return [report_of(each) for each in page["items"]]

    def curve(self, sweep_id: str, number: int) -> Curve:
        """All steps of a trial."""
        return curve_of(self.connection.get("sweeps", sweep_id, "trials", number, "curve"))

    def range_tests(self, sweep_id: str) -> list[RangeTest]:
        """The range tests, by optimizer."""
        return [range_test_of(each) for each in self.connection.get("sweeps", sweep_id, "range-tests")]

    def range_test_runs(self, sweep_id: str) -> dict[str, str]:
        """The MLflow run of each optimizer's range test, as far as there is one."""
        tests = self.connection.get("sweeps", sweep_id, "range-tests")
        return {each["optimizer"]: each["mlflow_run_id"] for each in tests if each["mlflow_run_id"]}

    def picks(self, sweep_id: str) -> list[Pick]:
        """The picks, in the order in which they were made."""
        return [pick_of(each) for each in self.connection.get("sweeps", sweep_id, "picks")]

    def request_cancel(self, sweep_id: str) -> SweepSummary:
        """Asks a running sweep to stop, or cancels one that nobody runs."""
        return summary_of(self.connection.post("sweeps", sweep_id, "cancel"))

    def submit(self, raw: Mapping[str, Any]) -> SweepRecord:
        """Queues a sweep, once, even where the network makes us ask twice."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return sweep_of(self.connection.post("sweeps", document=raw, headers=key))

    def requeue(self, sweep_id: str, *, retry_failed: bool = False) -> SweepSummary:
        """Queues a sweep again, its FAILED trials too if asked."""
        return summary_of(self.connection.post("sweeps", sweep_id, "retry" if retry_failed else "resume"))

    def _pages(self, read: Callable[[Any], Item], *path: str, after: int, limit: int) -> Iterator[Item]:
        following: int | None = after
        while following is not None:
            page = self.connection.get(*path, after=following, limit=limit)
            yield from map(read, page["items"])
            following = page["next"]
