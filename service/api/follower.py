"""What has happened to a sweep since somebody last looked, as server-sent events."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service.api.moment import PAGE, Event, Moment

_OVERLAP = timedelta(seconds=10)
"""A trial may have ended by another machine's clock, or be written a little after one that ended later."""


@dataclass(slots=True)
class Follower:
    """Follows one sweep from after a report's id."""

    last: int = 0
    more: bool = False
    """Whether the last `news` left something out, so as to be of bounded length: ask again at once."""
    over: bool = False
    """Whether the sweep has ended and all is said."""
    _told: Any = None
    _tested: set[str] = field(default_factory=set)
    _ended: set[tuple[int, datetime | None]] = field(default_factory=set)
    _since: datetime | None = None

    def news(self, now: Moment) -> list[Event]:
        """The events since the last call: `range-test`, `report` (these have ids), `trial` (ended ones), `sweep`."""
        found = [*self._new_range_tests(now)]
        self.last, reports = now.reports(self.last)
        found += reports
        self.more = len(reports) == PAGE
        if self.more:
            return found
        found += self._new_trials(now)
        if now.summary.document != self._told:
            self._told = now.summary.document
            found.append(now.summary)
        self.over = now.sweep.status.ended
        return found

    def _new_range_tests(self, now: Moment) -> Iterator[Event]:
        if now.sweep.trials and self._told:
            return
        for event in now.range_tests():
            if (optimizer := event.document["optimizer"]) not in self._tested:
                self._tested.add(optimizer)
                yield event

    def _new_trials(self, now: Moment) -> Iterator[Event]:
        if now.sweep.trials == (self._told["trials"] if self._told else 0):
            return
        for trial in now.ended(self._since and self._since - _OVERLAP):
            # The moment too: a trial that is retried ends again.
            if (mark := (trial.number, trial.at)) not in self._ended:
                self._ended.add(mark)
                yield trial.event
            self._since = trial.at
