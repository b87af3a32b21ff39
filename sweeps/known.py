"""Which results proposals and verdicts know: that follows from numbers and epochs, so that a sweep is the same twice.

docs/decisions/0002-reproducible-search.md says why, and what it costs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sweeps.lanes import AT_ONCE
from sweeps.records import Outcome, TrialResult
from sweeps.spec import SweepSpec


class Known(Protocol):
    """Which results the trials of a sweep know when they are proposed, one after another."""

    def goes_on(self, number: int, epoch: int) -> None:
        """Takes note that a trial was not stopped after an epoch."""

    def ended(self, result: TrialResult) -> None:
        """Takes note of how a trial ended."""

    def complete(self) -> bool:
        """True once all is there that the next trial shall know; one that knows nothing need not ask."""

    def propose(self, *, knowing: bool = True) -> Sequence[int]:
        """The next trial is proposed: the trials whose results it is the first to know, none if it knows nothing."""


@dataclass(slots=True)
class Window:
    """A trial knows the results of all before it but the last `size` - 1.

    >>> window = Window(size=2)
    >>> window.propose(), window.complete()
    (range(0, 0), True)
    >>> window.propose(), window.complete()
    (range(0, 0), False)
    """

    size: int
    _proposed: int = 0
    _learned: int = 0
    _ended: set[int] = field(default_factory=set)

    def goes_on(self, number: int, epoch: int) -> None:
        pass

    def ended(self, result: TrialResult) -> None:
        self._ended.add(result.proposal.number)

    def complete(self) -> bool:
        return all(number in self._ended for number in self._news())

    def propose(self, *, knowing: bool = True) -> Sequence[int]:
        news = self._news() if knowing else range(0)
        self._learned += len(news)
        self._proposed += 1
        return news

    def _news(self) -> range:
        return range(self._learned, max(self._learned, self._proposed - self.size + 1))


@dataclass(slots=True)
class Rounds:
    """A trial knows what has ended when it finds a place, were all trained on so many `lanes`, an epoch a round.

    That is how one worker's lanes do train, so that no place stays empty; but it is reckoned from how many epochs each
    trained, of `epochs` at most, and so comes out the same where lanes are fewer, or a sweep was left and taken up.
    Of the last `window` - 1 before it a trial knows nothing: searches that learn later look around more. Trials that
    know nothing at all train `at_once`.
    """

    lanes: int
    at_once: int
    epochs: int
    window: int = 1
    _proposed: int = 0
    _round: int = 0
    """The round in which the newest trial began."""
    _waiting: list[int] = field(default_factory=list)
    """Trials that know nothing, and whose round is not yet known."""
    _begun: dict[int, int] = field(default_factory=dict)
    """The rounds in which trials began, of those that may not have ended by then."""
    _over: list[int] = field(default_factory=list)
    """Trials that had ended by then, and that a proposal may still have to learn of."""
    _lasted: dict[int, int] = field(default_factory=dict)
    _at_least: dict[int, int] = field(default_factory=dict)

    def goes_on(self, number: int, epoch: int) -> None:
        # One that went back to its checkpoint says again what it has said.
        self._at_least[number] = max(self._at_least.get(number, 1), min(epoch + 1, self.epochs))

    def ended(self, result: TrialResult) -> None:
        self._lasted[result.proposal.number] = _rounds_of(result, self.epochs)

    def complete(self) -> bool:
        return self._begin_waiting() and self._place(self.lanes) is not None

    def propose(self, *, knowing: bool = True) -> Sequence[int]:
        news = self._begin_next() if knowing else []
        if not knowing:
            self._waiting.append(self._proposed)
        self._proposed += 1
        return news

    def _begin_next(self) -> list[int]:
        """Begins the next trial, which knows something; those whose ends it is the first to know."""
        place = self._place(self.lanes) if self._begin_waiting() else None
        # There is none if a trial that was taken up ended sooner than it had done before.
        self._round = self._round if place is None else place
        for number in [number for number, end in self._ends().items() if end <= self._round]:
            del self._begun[number]
            self._over.append(number)
        self._begun[self._proposed] = self._round
        news = [number for number in self._over if number <= self._proposed - self.window]
        self._over = [number for number in self._over if number not in news]
        return news

    def _begin_waiting(self) -> bool:
        """Begins the trials that know nothing; False if it is not known yet when one did."""
        while self._waiting and (place := self._place(self.at_once)) is not None:
            self._round = self._begun[self._waiting.pop(0)] = place
        return not self._waiting

    def _place(self, lanes: int) -> int | None:
        """The first round in which fewer than `lanes` train; None while that depends on trials in training."""
        ends = sorted(self._ends().values())
        training = [
            begun + self._at_least.get(number, 1) for number, begun in self._begun.items() if number not in self._lasted
        ]
        for candidate in (self._round, *(end for end in ends if end > self._round)):
            if min(training, default=math.inf) <= candidate:
                return None
            if len(training) + sum(end > candidate for end in ends) < lanes:
                return candidate
        return None

    def _ends(self) -> dict[int, int]:
        """The rounds before which trials ended."""
        return {number: begun + self._lasted[number] for number, begun in self._begun.items() if number in self._lasted}


def _rounds_of(result: TrialResult, epochs: int) -> int:
    """How many rounds a trial had its place for; one more if its last report did not say that it was the last."""
    said = (
        result.outcome is Outcome.PRUNED
        or result.epochs == epochs
        or (result.outcome is Outcome.DIVERGED and not all(map(math.isfinite, result.objectives[-1:])))
    )
    return max(1, result.epochs + (not said))


def knowledge(spec: SweepSpec, *, reach: int, epochs: int) -> Known:
    """What the proposals of a sweep know that reckons with so many lanes a worker and epochs a trial.

    By rounds where lanes train in step. CMA-ES, which after a resume must draw again what it drew, keeps to numbers:
    they are the same even if a repeated trial ends otherwise. A search that learns from nothing waits for nothing.
    """
    if spec.sampler.name not in ("tpe", "cma-es") and spec.pruner.name == "none":
        return Window(size=spec.total_trials)
    if _in_step(spec) and spec.sampler.name != "cma-es":
        at_once = reach if spec.lanes.count else max(reach, AT_ONCE)
        return Rounds(lanes=reach, at_once=at_once, epochs=epochs, window=search_window(spec, reach))
    return Window(size=search_window(spec, reach))


def search_window(spec: SweepSpec, reach: int) -> int:
    """How far before a trial those begin that it knows: far enough for each of `reach` lanes to have a successor."""
    return spec.sampler.window or 2 * spec.workers.count * reach


def verdict_window(spec: SweepSpec, reach: int) -> int:
    """How far back the trials begin that a verdict compares with: that on trial n knows those numbered up to n - this.

    Where lanes train in step: when a trial comes to a rung, all before it have been there or have ended.
    """
    return 1 if _in_step(spec) else search_window(spec, reach)


def _in_step(spec: SweepSpec) -> bool:
    """True if what happens in the same epoch tells what is known: on one worker.

    Not so for the median, which is one of trials that have ended, nor where the spec gives a window, so that any number
    of workers searches alike.
    """
    return spec.workers.count == 1 and spec.pruner.name != "median" and spec.sampler.window is None
