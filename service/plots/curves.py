"""Best curves: how the objective's metric went, epoch by epoch, for the trials of each pick."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from service.plots.figure import INK, NOTE, Paper, legend_below, panels, plain, plain_log_y, printed
from service.plots.palette import scheduler_colours
from service.records import TrialRecord
from sweeps.objective import Objective
from sweeps.records import Outcome, Pick

_PRUNED: Final = "--"

_DECADES = 1e12
"""What a curve of losses may fall by within its panel: one that came back from more starts above it."""


def best_curves(
    trials: Sequence[TrialRecord],
    picks: Sequence[Pick],
    series: Mapping[int, Sequence[tuple[int, float]]],
    objective: Objective,
    *,
    optimizers: Sequence[str] | None = None,
    paper: Paper = NOTE,
) -> bytes | None:
    """A panel per optimizer, a colour per scheduler, a line per trial of its pick, dashed if that was pruned.

    `series` holds (epoch, value) points by trial number. None if no picked trial has one that is finite.
    `optimizers` are those to draw, all of them if None.
    """
    picked = {number for pick in picks for number in pick.trials}
    points = {number: [point for point in line if math.isfinite(point[1])] for number, line in series.items()}
    chosen = [trial for trial in trials if trial.proposal.number in picked and points.get(trial.proposal.number)]
    if not chosen:
        return None
    optimizers = optimizers or sorted({trial.proposal.optimizer for trial in chosen})
    colours = scheduler_colours(sorted(trial.proposal.scheduler for trial in trials))
    figure, axes = panels(optimizers, paper)
    values = [value for trial in chosen for _, value in points[trial.proposal.number]]
    epochs = [epoch for trial in chosen for epoch, _ in points[trial.proposal.number]]
    first, last = min(epochs), max(epochs)
    margin = 0.05 * (last - first) or 0.5
    for ax, optimizer in zip(axes, optimizers, strict=True):
        for trial in chosen:
            if trial.proposal.optimizer == optimizer:
                line = points[trial.proposal.number]
                ax.plot(
                    [epoch for epoch, _ in line],
                    [value for _, value in line],
                    color=colours[trial.proposal.scheduler],
                    linewidth=2.0,
                    linestyle=_style(trial),
                    marker="o",
                    markersize=4 if len(line) <= 30 else 0,
                    markerfacecolor="none" if trial.outcome is Outcome.PRUNED else None,
                )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ax.set_xlim(first - margin, last + margin)
        ax.set_xlabel("epoch", fontsize=9.5, color=INK)
        ax.set_ylabel(plain(objective.metric), fontsize=9.5, color=INK)
        _share_y(ax, min(values), max(values), objective)
    present = {trial.proposal.scheduler for trial in chosen}
    keys = [
        Line2D([], [], color=colour, linewidth=2.4, label=plain(f"pick with {name}"))
        for name, colour in colours.items()
        if name in present
    ]
    if any(trial.outcome is Outcome.PRUNED for trial in chosen):
        keys.append(
            Line2D(
                [], [], color=INK, linewidth=2.0, linestyle=_PRUNED, marker="o", markerfacecolor="none", label="pruned"
            )
        )
    legend_below(figure, keys, paper)
    return printed(figure, paper)


def _style(trial: TrialRecord) -> str:
    return _PRUNED if trial.outcome is Outcome.PRUNED else "-"


def _share_y(ax: Axes, low: float, high: float, objective: Objective) -> None:
    if objective.direction == "minimize" and low > 0:
        ax.set_ylim(low / 1.15, min(high, low * _DECADES) * 1.15)
        plain_log_y(ax)
    else:
        margin = 0.05 * (high - low) or 0.1
        ax.set_ylim(low - margin, high + margin)
