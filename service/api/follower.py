"""What has happened to a sweep since somebody last looked, as server-sent events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.records import SweepRecord, TrialRecord
from service.store import Store
from service.views import range_test_documents, report_document, sweep_summary, trial_document

_PAGE = 1000
_OVERLAP = timedelta(seconds=10)
"""A trial may have ended by another machine's clock, or be written a little after one that ended later."""


def event(kind: str, document: Any, id: int | None = None) -> bytes:
    """One event of a stream.

    >>> event("sweep", {"status": "DONE"}, 7)
    b'id: 7\\nevent: sweep\\ndata: {"status":"DONE"}\\n\\n'
    """
    head = "" if id is None else f"id: {id}\n"
    data = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{head}event: {kind}\ndata: {data}\n\n".encode()


@dataclass(slots=True)
class Follower:
    """Follows one sweep from after a report's id: `news` gives what is new, `over` is True once the sweep has ended."""

    store: Store
    sweep_id: str
    last: int = 0
    over: bool = False
    _told: dict[str, Any] = field(default_factory=dict)
    _tested: set[str] = field(default_factory=set)
    _ended: set[tuple[int, datetime | None]] = field(default_factory=set)
    _since: datetime | None = None

    def news(self) -> list[bytes]:
        """The events since the last call: `range-test`, `report` (these have ids), `trial` (ended ones), `sweep`."""
        # First, so that all that led to an end is there when the end is seen.
        sweep = self.store.sweep(self.sweep_id)
        found = [*self._range_tests(sweep), *self._reports(), *self._trials(sweep)]
        summary = sweep_summary(sweep)
        if summary != self._told:
            self._told = summary
            found.append(event("sweep", summary))
        self.over = sweep.status.ended
        return found

    def _range_tests(self, sweep: SweepRecord) -> Iterator[bytes]:
        if sweep.trials and self._told:
            return
        tests = [test for test in self.store.range_tests(self.sweep_id) if test.optimizer not in self._tested]
        for document in range_test_documents(self.store, self.sweep_id, tests) if tests else ():
            self._tested.add(document["optimizer"])
            yield event("range-test", document)

    def _reports(self) -> Iterator[bytes]:
        while page := self.store.reports(self.sweep_id, after=self.last, limit=_PAGE):
            self.last = page[-1].id
            for report in page:
                yield event("report", report_document(report), report.id)

    def _trials(self, sweep: SweepRecord) -> Iterator[bytes]:
        if sweep.trials == self._told.get("trials", 0):
            return
        for trial in self.store.ended_trials(self.sweep_id, since=self._since and self._since - _OVERLAP):
            if (mark := _mark(trial)) not in self._ended:
                self._ended.add(mark)
                yield event("trial", trial_document(trial))
            self._since = trial.ended


def _mark(trial: TrialRecord) -> tuple[int, datetime | None]:
    # The moment too: a trial that is retried ends again.
    return trial.proposal.number, trial.ended
