"""What all who follow a sweep ask between two changes of it: the store is asked once, and events are encoded once."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from service.records import Pulse
from service.store import Store
from service.views import range_test_documents, report_document, sweep_summary, trial_document

PAGE = 1000
"""Reports that are read at once."""
_MOST = 8
"""Answers kept: those who keep up ask the same, and the late soon ask for something else."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Event:
    """One event of a stream.

    >>> Event("sweep", {"status": "DONE"}, 7).encoded
    b'id: 7\\nevent: sweep\\ndata: {"status":"DONE"}\\n\\n'
    """

    kind: str
    document: Any
    id: int | None = None

    @cached_property
    def encoded(self) -> bytes:
        """As it is sent."""
        head = "" if self.id is None else f"id: {self.id}\n"
        data = json.dumps(self.document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return f"{head}event: {self.kind}\ndata: {data}\n\n".encode()


class Ended(NamedTuple):
    """A trial that has ended: its number, when, and its event."""

    number: int
    at: datetime | None
    event: Event


@dataclass
class Moment:
    """One sweep between two changes. Threads may share it. Every method raises EnvironmentFailure."""

    store: Store
    pulse: Pulse
    """What made it. Every answer is younger: all that led to an end is there when this says that the sweep ended."""
    _answers: dict[Any, Any] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @cached_property
    def summary(self) -> Event:
        """The event of the sweep's row of the list."""
        return Event("sweep", sweep_summary(self.pulse))

    def range_tests(self) -> list[Event]:
        """Every range test."""
        return self._once("range tests", self._range_tests)

    def reports(self, after: int) -> tuple[int, list[Event]]:
        """The last id and the events of the first page of reports after an id."""
        return self._once(("reports", after), lambda: self._reports(after))

    def ended(self, since: datetime | None) -> list[Ended]:
        """The trials that have ended at that moment or later, by when they did."""
        return self._once(("ended", since), lambda: self._ended(since))

    def _once(self, key: Any, ask: Callable[[], Answer]) -> Answer:
        with self._lock:
            if key not in self._answers:
                if len(self._answers) >= _MOST:
                    del self._answers[next(iter(self._answers))]
                self._answers[key] = ask()
            answer: Answer = self._answers[key]
            return answer

    def _range_tests(self) -> list[Event]:
        documents = range_test_documents(self.store, self.pulse.id, self.store.range_tests(self.pulse.id))
        return [Event("range-test", document) for document in documents]

    def _reports(self, after: int) -> tuple[int, list[Event]]:
        page = self.store.reports(self.pulse.id, after=after, limit=PAGE)
        events = [Event("report", report_document(report), report.id) for report in page]
        return (page[-1].id if page else after), events

    def _ended(self, since: datetime | None) -> list[Ended]:
        return [
            Ended(trial.proposal.number, trial.ended, Event("trial", trial_document(trial)))
            for trial in self.store.ended_trials(self.pulse.id, since=since)
        ]
