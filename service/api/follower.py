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
    _trials: int = 0
    _tested: set[str] = field(default_factory=set)
    _ended: set[tuple[int, datetime | None]] = field(default_factory=set)
    _since: datetime | None = None

    def news(self, now: Moment) -> list[Event]:
        """The events since the last call: `range-test`, `report` (these have ids), `trial` (ended ones), `sweep`."""
        pulse, found = now.pulse, list[Event]()
        self.more = False
        if pulse.range_tests > len(self._tested):
            found += self._new_range_tests(now)
        if pulse.last_report > self.last:
            self.last, reports = now.reports(self.last)
            found += reports
            self.more = len(reports) == PAGE
            if self.more:
                return found
        if pulse.trials != self._trials:
            found += self._new_trials(now)
            self._trials = pulse.trials
        if now.summary.document != self._told:
            self._told = now.summary.document
            found.append(now.summary)
        self.over = pulse.status.ended
        return found

    def _new_range_tests(self, now: Moment) -> Iterator[Event]:
        for event in now.range_tests():
            if (optimizer := event.document["optimizer"]) not in self._tested:
                self._tested.add(optimizer)
                yield event

    def _new_trials(self, now: Moment) -> Iterator[Event]:
        for trial in now.ended(self._since and self._since - _OVERLAP):
            # The moment too: a trial that is retried ends again.
            if (mark := (trial.number, trial.at)) not in self._ended:
                self._ended.add(mark)
                yield trial.event
            self._since = trial.at
