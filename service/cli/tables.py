"""Tables that several commands print."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from service.cli.output import number
from service.cli.sparklines import sparkline
from service.pickwords import folk_words, stability_words
from service.records import TrialRecord
from service.tracking.naming import short_text
from sweeps.objective import Objective
from sweeps.records import Pick, Proposal, bare_names


def picks_table(picks: Sequence[Pick], objective: Objective) -> Table:
    """The best initial LR per optimizer and scheduler, best first, with its evidence."""
    table = Table(title=f"Best initial LR per optimizer and scheduler, by {objective.value} {objective.metric}")
    for name in ("optimizer", "scheduler"):
        table.add_column(name, no_wrap=True)
    for name in ("initial LR", objective.metric, "as good from", "to", "tried"):
        table.add_column(name, justify="right", no_wrap=True)
    beside = {
        name: words
        for name, words in (("at multiples", stability_words), ("folk grid", folk_words))
        if any(map(words, picks))
    }
    for name in (*beside, "with", "note"):
        table.add_column(name)
    for pick in picks:
        table.add_row(
            pick.optimizer,
            pick.scheduler,
            f"{pick.initial_lr:.3e}",
            number(pick.value),
            f"{pick.low:.1e}",
            f"{pick.high:.1e}",
            str(pick.tried),
            *(words(pick) for words in beside.values()),
            _params_text(pick),
            "; ".join(pick.notes),
        )
    return table


def trials_table(
    trials: Sequence[TrialRecord], objective: Objective, curves: Mapping[int, Sequence[float]] | None = None
) -> Table:
    """Every trial of a sweep, by number. `curves` holds the objective after each epoch, by the trial's number."""
    table = Table(title="Trials")
    for name in ("#", "optimizer", "scheduler", "initial LR", "seed", "outcome", objective.metric, "epochs"):
        table.add_column(name, justify="right" if name in ("#", "initial LR", "seed", "epochs") else "left")
    for name in ("curve", "with") if curves is not None else ("with",):
        table.add_column(name, no_wrap=name == "curve")
    for trial in trials:
        proposal = trial.proposal
        table.add_row(
            str(proposal.number),
            proposal.optimizer,
            proposal.scheduler,
            f"{proposal.initial_lr:.3e}",
            str(proposal.seed),
            trial.outcome.value if trial.outcome else "running",
            number(trial.value),
            str(trial.epochs),
            *([sparkline(curves.get(proposal.number, ()))] if curves is not None else []),
            _params_text(proposal),
        )
    return table


def _params_text(of: Pick | Proposal) -> str:
    params = bare_names(of.params, of.optimizer, of.scheduler)
    return ", ".join(f"{name}={short_text(value)}" for name, value in params.items())
