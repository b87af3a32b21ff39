"""What a running sweep shows: a live display in a terminal, a calm line per trial elsewhere."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from service.cli.output import notes, number
from service.cli.tally import Tally
from service.records import TrialRecord
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import Ended, Outcome, Pick, Proposal, RangeTest, Report, Reported, TaskInfo
from sweeps.spec import SweepSpec


class Watcher:
    """A Recorder that shows what it is told; the base keeps count."""

    def __init__(self, spec: SweepSpec):
        self._spec = spec
        self.console = notes()
        self.running: dict[int, tuple[Proposal, Report | None, float | None]] = {}
        self.tally = Tally(spec)
        self.best: tuple[float, Proposal] | None = None
        self.phase = "starting workers"

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many trials ended how."""
        return self.tally.outcomes

    def earlier(self, trials: Sequence[TrialRecord]) -> None:
        """Counts what ended in an earlier run of the sweep, without a word."""
        for trial in trials:
            if trial.outcome is not None:
                self.tally.came_to(trial.proposal.number, trial.epochs)
                self._count(trial.proposal, trial.outcome, trial.value)
        self.tally.from_here()

    def probed(self, info: TaskInfo) -> None:
        size = f"{info.parameters:,} parameters, {info.steps_per_epoch} steps an epoch" if info.steps_per_epoch else ""
        self.say(f"task {self._spec.task.use} on {info.device}{', ' if size else ''}{size}")
        self.phase = "LR range tests"
        self.tally.steps_per_epoch(info.steps_per_epoch or 1)

    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None:
        if plan.count > 1:
            self.say(f"{plan.count} lanes a worker, {'stacked' if plan.fused else 'in turns'} ({plan.reason})")

    def range_tested(self, test: RangeTest) -> None:
        self.tally.range_tested(test)
        if test.trusted:
            next_up = f", searching {test.low:.1e} to {test.high:.1e}" if self._spec.trials else ""
            self.say(f"range test {test.optimizer}: suggests {test.initial_lr:.2e}{next_up}")
        else:
            self.say(f"range test {test.optimizer}: not to be trusted ({'; '.join(test.reasons)})")

    def proposed(self, proposal: Proposal) -> None:
        self.phase = "trials"
        self.running[proposal.number] = (proposal, None, None)
        self.tally.started(proposal)

    def reported(self, epochs: Sequence[Reported]) -> None:
        for trial, report, objective in epochs:
            self.running[trial] = (self.running[trial][0], report, objective)
            self.tally.stepped(trial, report.epoch, report.step)

    def ended(self, number: int, ended: Ended, value: float | None) -> None:
        proposal, _, _ = self.running.pop(number)
        if ended.interrupted:
            return
        self._count(proposal, ended.outcome, value)
        if ended.error:
            self.say(f"trial {number} FAILED: {ended.error.strip().splitlines()[-1]}")

    def _count(self, proposal: Proposal, outcome: Outcome, value: float | None) -> None:
        self.tally.ended(proposal, outcome, value)
        if value is not None and outcome is Outcome.COMPLETE:
            self.best = min(self.best or (value, proposal), (value, proposal), key=lambda pair: self._rank(pair[0]))

    def _rank(self, value: float) -> float:
        return value if self._spec.objective.direction == "minimize" else -value

    def picked(self, picks: Sequence[Pick]) -> None:
        self.phase = "writing the last to MLflow"

    def say(self, message: str) -> None:
        """Prints a line on standard error, above whatever is live."""
        self.console.print(message, markup=False)


class LineWatcher(Watcher):
    """For logs and pipes: one line when a trial ends."""

    def ended(self, number_: int, ended: Ended, value: float | None) -> None:
        proposal, report, _ = self.running[number_]
        super().ended(number_, ended, value)
        if not ended.interrupted:
            total, epochs = self._spec.total_trials, report.epoch if report else 0
            length = f"{epochs} epoch" if epochs == 1 else f"{epochs} epochs"
            self.say(
                f"trial {number_} ({self.outcomes.total()}/{total}) {proposal.optimizer} {proposal.scheduler} "
                f"lr {proposal.initial_lr:.2e}: {ended.outcome.value} after {length}, "
                f"{self._spec.objective.metric} {number(value)}"
            )


@contextmanager
def progress(spec: SweepSpec) -> Iterator[Watcher]:
    """The watcher that fits where standard error goes."""
    if not sys.stderr.isatty():
        yield LineWatcher(spec)
        return
    from rich.live import Live

    from service.cli.live import LiveWatcher

    watcher = LiveWatcher(spec)
    with Live(watcher, console=watcher.console, refresh_per_second=4, transient=True):
        yield watcher
