"""What a running sweep shows: a live display in a terminal, a calm line per trial elsewhere."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.cli.output import notes, number
from sweeps.records import Ended, LanePlan, LaneProbe, Outcome, Pick, Proposal, RangeTest, Report, Reported, TaskInfo
from sweeps.spec import SweepSpec

_SHOWN = 8
"""Running trials shown at most."""


class Watcher:
    """A Recorder that shows what it is told; the base keeps count."""

    def __init__(self, spec: SweepSpec):
        self._spec = spec
        self.console = notes()
        self.running: dict[int, tuple[Proposal, Report | None, float | None]] = {}
        self.outcomes: Counter[Outcome] = Counter()
        self.best: tuple[float, Proposal] | None = None
        self.phase = "starting workers"

    def probed(self, info: TaskInfo) -> None:
        size = f"{info.parameters:,} parameters, {info.steps_per_epoch} steps an epoch" if info.steps_per_epoch else ""
        self.say(f"task {self._spec.task.use} on {info.device}{', ' if size else ''}{size}")
        self.phase = "LR range tests"

    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None:
        if plan.count > 1:
            self.say(f"{plan.count} lanes a worker, {'stacked' if plan.fused else 'in turns'} ({plan.reason})")

    def range_tested(self, test: RangeTest) -> None:
        if test.trusted:
            next_up = f", searching {test.low:.1e} to {test.high:.1e}" if self._spec.trials else ""
            self.say(f"range test {test.optimizer}: suggests {test.initial_lr:.2e}{next_up}")
        else:
            self.say(f"range test {test.optimizer}: not to be trusted ({'; '.join(test.reasons)})")

    def proposed(self, proposal: Proposal) -> None:
        self.phase = "trials"
        self.running[proposal.number] = (proposal, None, None)

    def reported(self, epochs: Sequence[Reported]) -> None:
        for trial, report, objective in epochs:
            self.running[trial] = (self.running[trial][0], report, objective)

    def ended(self, number: int, ended: Ended, value: float | None) -> None:
        proposal, _, _ = self.running.pop(number)
        if ended.interrupted:
            return
        self.outcomes[ended.outcome] += 1
        if value is not None and ended.outcome is Outcome.COMPLETE:
            self.best = min(self.best or (value, proposal), (value, proposal), key=lambda pair: self._rank(pair[0]))
        if ended.error:
            self.say(f"trial {number} FAILED: {ended.error.strip().splitlines()[-1]}")

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


class LiveWatcher(Watcher):
    """For terminals: a progress bar, the running trials, and the best so far."""

    def __init__(self, spec: SweepSpec):
        super().__init__(spec)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task(self.phase, total=spec.total_trials)

    def __rich__(self) -> RenderableType:
        self._bar.update(self._task, completed=self.outcomes.total(), description=self.phase)
        return Group(self._bar, self._table(), self._summary())

    def _table(self) -> Table:
        table = Table("trial", "optimizer", "scheduler", "initial LR", "epoch", self._spec.objective.metric, box=None)
        for proposal, report, objective in list(self.running.values())[:_SHOWN]:
            table.add_row(
                str(proposal.number),
                proposal.optimizer,
                proposal.scheduler,
                f"{proposal.initial_lr:.2e}",
                str(report.epoch) if report else "",
                number(objective),
            )
        return table

    def _summary(self) -> str:
        counts = ", ".join(f"{count} {outcome.value.lower()}" for outcome, count in sorted(self.outcomes.items()))
        if self.best is None:
            return counts
        value, proposal = self.best
        return (
            f"{counts}\nbest so far: {self._spec.objective.metric} {number(value)} with {proposal.optimizer}, "
            f"{proposal.scheduler}, initial LR {proposal.initial_lr:.2e}"
        )


@contextmanager
def progress(spec: SweepSpec) -> Iterator[Watcher]:
    """The watcher that fits where standard error goes."""
    if not sys.stderr.isatty():
        yield LineWatcher(spec)
        return
    watcher = LiveWatcher(spec)
    with Live(watcher, console=watcher.console, refresh_per_second=5, transient=True):
        yield watcher
