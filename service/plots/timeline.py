"""The pruning timeline: how far each trial came, in the order in which they were proposed."""

from collections.abc import Sequence

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from service.plots.figure import CARD, FAINT, INK, Paper, legend_below, panels, printed
from service.records import TrialRecord
from sweeps.records import Outcome

_LOOK = {
    Outcome.COMPLETE: ("o", "#0072B2", "complete"),
    Outcome.PRUNED: ("v", "#E69F00", "pruned"),
    Outcome.DIVERGED: ("x", "#D55E00", "diverged"),
    Outcome.FAILED: ("s", "#000000", "failed"),
    Outcome.CANCELLED: ("+", "#6B6B6B", "cancelled"),
}
"""Marker, colour and word of every outcome: no two differ by colour alone."""


def timeline(trials: Sequence[TrialRecord], rungs: Sequence[int], epochs: int, *, paper: Paper = CARD) -> bytes | None:
    """Epochs trained over the trial's number, with the rungs as lines; None if no trial has ended."""
    ended = [trial for trial in trials if trial.outcome is not None]
    if not ended:
        return None
    figure, (ax,) = panels(["Epochs trained"], paper)
    for rung in rungs:
        ax.axhline(rung, color=FAINT, linewidth=0.9, linestyle="--", zorder=1)
    size = 6 if len(ended) <= 60 else 3.5
    for outcome, (marker, colour, _) in _LOOK.items():
        of_outcome = [trial for trial in ended if trial.outcome is outcome]
        numbers, lengths = [each.proposal.number for each in of_outcome], [each.epochs for each in of_outcome]
        ax.vlines(numbers, 0, lengths, color=colour, linewidth=1.2, alpha=0.45)
        ax.plot(
            numbers,
            lengths,
            marker=marker,
            color=colour,
            markersize=size,
            linestyle="none",
            clip_on=False,
            in_layout=False,
        )
    ax.set_ylim(0, 1.08 * epochs)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.set_xlabel("trial", fontsize=9.5, color=INK)
    ax.set_ylabel("epochs", fontsize=9.5, color=INK)
    present = {trial.outcome for trial in ended}
    keys = [
        Line2D([], [], marker=marker, color=colour, linestyle="none", markersize=6, label=word)
        for outcome, (marker, colour, word) in _LOOK.items()
        if outcome in present
    ]
    if rungs:
        keys.append(Line2D([], [], color=FAINT, linewidth=0.9, linestyle="--", label="rung"))
    legend_below(figure, keys, paper)
    return printed(figure, paper)
