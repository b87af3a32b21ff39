"""The live display of a sweep in a terminal: bar, running trials, rungs, LRs that do well, best so far."""

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from service.cli.output import number
from service.cli.progress import Watcher
from service.cli.sparklines import span_line
from sweeps.spec import SweepSpec

_SHOWN = 8
"""Running trials shown at most."""
_OPTIMIZERS = 6
"""Optimizers whose LRs are shown at most."""
_WIDE = 90
"""Columns of a terminal from which on the LRs are drawn, too."""


class LiveWatcher(Watcher):
    """For terminals: all that is known of a running sweep, in one screen."""

    def __init__(self, spec: SweepSpec):
        super().__init__(spec)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task(self.phase, total=spec.total_trials)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # A terminal that is lower than the display would scroll it away with every refresh.
        room = max(0, console.height - 8)
        self._bar.update(self._task, completed=self.outcomes.total(), description=self.phase)
        parts: list[RenderableType] = [self._bar, *(Text(line) for line in (self._counts(), self._pace()) if line)]
        if room and self.running:
            parts.append(self._trials(min(_SHOWN, room)))
        spans = self._spans(
            min(_OPTIMIZERS, room - min(_SHOWN, len(self.running)) - 2), wide=options.max_width >= _WIDE
        )
        if spans is not None:
            parts.append(spans)
        parts += [Text(line) for line in (self._rungs(), self._best()) if line]
        yield Group(*parts)

    def _counts(self) -> str:
        """How many trials ended how."""
        return ", ".join(f"{count} {outcome.value.lower()}" for outcome, count in sorted(self.outcomes.items()))

    def _pace(self) -> str:
        """How many lanes train now, how fast all of them together, and how long the rest takes."""
        speed, left = self.tally.steps_per_second, self.tally.seconds_left
        pace = []
        if self.running:
            pace.append(f"{len(self.running)} {'lane' if len(self.running) == 1 else 'lanes'}")
            pace += [f"{_rate(speed)} lane-steps/s"] if speed else []
        pace += [f"about {_clock(left)} left"] if left else []
        return ", ".join(pace)

    def _trials(self, most: int) -> Table:
        table = Table("trial", "optimizer", "scheduler", "initial LR", "epoch", box=None, pad_edge=False)
        table.add_column(Text(self._spec.objective.metric), justify="right")
        for proposal, report, objective in list(self.running.values())[:most]:
            table.add_row(
                str(proposal.number),
                Text(proposal.optimizer),
                Text(proposal.scheduler),
                f"{proposal.initial_lr:.2e}",
                str(report.epoch) if report else "",
                number(objective),
            )
        return table

    def _spans(self, most: int, *, wide: bool) -> Table | None:
        """The LRs that are searched, and where in them the best quarter of each optimizer's trials lies."""
        spans = [span for span in self.tally.spans if span.good][: max(0, most)]
        if not spans:
            return None
        table = Table("optimizer", "searched", "best quarter", "best", box=None, pad_edge=False)
        if wide:
            table.add_column("")
        for span in spans:
            low, high = span.good or (span.low, span.high)
            row = (f"{span.low:.1e} to {span.high:.1e}", f"{low:.1e} to {high:.1e}", number(span.best, 3))
            line = (span_line(span.low, span.high, span.good),) if wide else ()
            table.add_row(Text(span.optimizer), *row, *line)
        return table

    def _rungs(self) -> str:
        """How many trials came to each rung, and how many went on."""
        passed = [
            f"epoch {rung}: {reached - ended} of {reached} went on"
            for rung, (reached, ended) in self.tally.rungs.items()
        ]
        return f"rungs  {', '.join(passed)}" if passed else ""

    def _best(self) -> str:
        if self.best is None:
            return ""
        value, proposal = self.best
        return (
            f"best so far: {self._spec.objective.metric} {number(value)} with {proposal.optimizer}, "
            f"{proposal.scheduler}, initial LR {proposal.initial_lr:.2e}"
        )


def _rate(per_second: float) -> str:
    """A rate in two digits at least, as a slow model's is below 1.

    >>> _rate(1214.3), _rate(12.34), _rate(0.0512)
    ('1,214', '12', '0.051')
    """
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def _clock(seconds: float) -> str:
    """Seconds as a clock shows them.

    >>> _clock(61.4), _clock(4000)
    ('1:01', '1:06:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
