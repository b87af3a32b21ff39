"""Tables that several commands print."""

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from service.cli.fitting import fitted
from service.cli.output import number
from service.cli.sparklines import sparkline
from service.pickwords import folk_words, stability_words
from service.records import SweepSummary, TrialRecord
from service.tracking.naming import short_text
from sweeps.objective import Objective
from sweeps.paramnames import bare_names
from sweeps.records import Pick, Proposal


class PicksTable:
    """The best initial LR per optimizer and scheduler, best first, with its evidence; notes stand below."""

    def __init__(self, picks: Sequence[Pick], objective: Objective):
        self._picks, self._objective = picks, objective
        self._columns = {name: cells for name, cells in _columns(objective).items() if any(map(cells, picks))}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        spare = [name for name in ("folk grid", "at multiples", "with", "tried", "as good") if name in self._columns]
        table, left_out = fitted(console, options, self._table, spare)
        yield table
        for pick in self._picks:
            beside = [f"{name} {text}" for name in reversed(left_out) if (text := self._columns[name](pick))]
            if words := "; ".join([*beside, *pick.notes]):
                yield Text(f"{pick.optimizer}, {pick.scheduler}: {words}")

    def _table(self, left_out: Sequence[str]) -> Table:
        way = "lowest" if self._objective.direction == "minimize" else "highest"
        by = f"{way} {self._objective.metric}{'' if self._objective.value == 'best' else ', of the last epoch'}"
        table = Table(title=f"Best initial LR per optimizer and scheduler, by {by}")
        shown = {name: cells for name, cells in self._columns.items() if name not in left_out}
        for name in shown:
            right = name in ("initial LR", self._objective.metric, "tried")
            table.add_column(Text(name), justify="right" if right else "left", no_wrap=True)
        for pick in self._picks:
            table.add_row(*(Text(cells(pick)) for cells in shown.values()))
        return table


def _columns(objective: Objective) -> Mapping[str, Callable[[Pick], str]]:
    return {
        "optimizer": lambda pick: pick.optimizer,
        "scheduler": lambda pick: pick.scheduler,
        "initial LR": lambda pick: f"{pick.initial_lr:.3e}",
        objective.metric: lambda pick: number(pick.value),
        "as good": lambda pick: f"{pick.low:.1e} to {pick.high:.1e}" if pick.low < pick.high else "",
        "tried": lambda pick: str(pick.tried),
        "with": _params_text,
        "at multiples": stability_words,
        "folk grid": folk_words,
    }


class SweepsTable:
    """The sweeps of a store, one a row; ids and what became of them are always whole."""

    def __init__(self, sweeps: Sequence[SweepSummary]):
        self._sweeps = sweeps

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, left_out = fitted(console, options, self._table, ("task", "created (UTC)", "name"))
        yield table
        if left_out:
            yield Text(f"A wider terminal also shows: {', '.join(left_out)}.")

    def _table(self, left_out: Sequence[str]) -> Table:
        cells: Mapping[str, Callable[[SweepSummary], str]] = {
            "sweep": lambda sweep: sweep.id,
            "name": lambda sweep: sweep.name,
            "task": lambda sweep: sweep.task,
            "status": lambda sweep: sweep.status.value,
            "trials": lambda sweep: f"{sweep.trials}/{sweep.total_trials}",
            "created (UTC)": lambda sweep: f"{sweep.created:%Y-%m-%d %H:%M:%S}",
        }
        shown = {name: cell for name, cell in cells.items() if name not in left_out}
        table = Table()
        for name in shown:
            table.add_column(Text(name), no_wrap=True)
        for sweep in self._sweeps:
            table.add_row(*(Text(cell(sweep)) for cell in shown.values()))
        return table


class TrialsTable:
    """Every trial of a sweep, by number. `curves` holds the objective after each epoch, by the trial's number."""

    def __init__(self, trials: Sequence[TrialRecord], objective: Objective, curves: Mapping[int, Sequence[float]]):
        self._trials, self._objective, self._curves = trials, objective, curves

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, left_out = fitted(console, options, self._table, ("with", "seed", "epochs", "outcome", "curve"))
        yield table
        if left_out:
            yield Text(f"A wider terminal also shows: {', '.join(left_out)}.")

    def _table(self, left_out: Sequence[str]) -> Table:
        table = Table(title="Trials")
        rows = [self._cells(trial) for trial in self._trials]
        shown = [name for name in (rows[0] if rows else ()) if name not in left_out]
        for name in shown:
            right = name in ("#", "initial LR", "seed", "epochs")
            table.add_column(Text(name), justify="right" if right else "left", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(row[name]) for name in shown))
        return table

    def _cells(self, trial: TrialRecord) -> Mapping[str, str]:
        proposal = trial.proposal
        return {
            "#": str(proposal.number),
            "optimizer": proposal.optimizer,
            "scheduler": proposal.scheduler,
            "initial LR": f"{proposal.initial_lr:.3e}",
            "seed": str(proposal.seed),
            "outcome": trial.outcome.value if trial.outcome else "running",
            self._objective.metric: number(trial.value),
            "epochs": str(trial.epochs),
            "curve": sparkline(self._curves.get(proposal.number, ())),
            "with": _params_text(proposal),
        }


def _params_text(of: Pick | Proposal) -> str:
    params = bare_names(of.params, of.optimizer, of.scheduler)
    return ", ".join(f"{name}={short_text(value)}" for name, value in params.items())
