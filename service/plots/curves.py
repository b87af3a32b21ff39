"""Best curves: how the objective's metric went, epoch by epoch, for the best trial of each scheduler."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from service.plots.figure import INK, legend_below, panels, plain_log_y, png
from service.plots.palette import scheduler_colours
from service.records import TrialRecord
from sweeps.objective import Objective
from sweeps.records import Outcome

_LEARNED = (Outcome.COMPLETE, Outcome.PRUNED)


def best_trials(trials: Sequence[TrialRecord], objective: Objective) -> list[TrialRecord]:
    """The best trial of each (optimizer, scheduler) by number: a COMPLETE one, or a PRUNED one where there is none."""
    best: dict[tuple[str, str], TrialRecord] = {}
    for trial in trials:
        if trial.outcome not in _LEARNED or trial.value is None:
            continue
        key = (trial.proposal.optimizer, trial.proposal.scheduler)
        if key not in best or _beats(trial, best[key], objective):
            best[key] = trial
    return sorted(best.values(), key=lambda trial: trial.proposal.number)


def _beats(trial: TrialRecord, rival: TrialRecord, objective: Objective) -> bool:
    if trial.outcome is not rival.outcome:
        return trial.outcome is Outcome.COMPLETE
    assert trial.value is not None
    assert rival.value is not None
    return objective.better(trial.value, rival.value)


def best_curves(
    trials: Sequence[TrialRecord], series: Mapping[int, Sequence[tuple[int, float]]], objective: Objective
) -> bytes | None:
    """A panel per optimizer, a line per scheduler; `series` holds (epoch, value) points by trial number.

    None if no COMPLETE or PRUNED trial has one that is finite.
    """
    points = {number: [point for point in line if math.isfinite(point[1])] for number, line in series.items()}
    chosen = [trial for trial in best_trials(trials, objective) if points.get(trial.proposal.number)]
    if not chosen:
        return None
    optimizers = sorted({trial.proposal.optimizer for trial in chosen})
    colours = scheduler_colours(sorted(trial.proposal.scheduler for trial in trials))
    figure, axes = panels(optimizers)
    values = [value for trial in chosen for _, value in points[trial.proposal.number]]
    for ax, optimizer in zip(axes, optimizers, strict=True):
        for trial in chosen:
            if trial.proposal.optimizer == optimizer:
                line = points[trial.proposal.number]
                ax.plot(
                    [epoch for epoch, _ in line],
                    [value for _, value in line],
                    color=colours[trial.proposal.scheduler],
                    linewidth=2.0,
                    marker="o",
                    markersize=3.5 if len(line) <= 30 else 0,
                )
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ax.set_xlabel("epoch", fontsize=9.5, color=INK)
        ax.set_ylabel(objective.metric, fontsize=9.5, color=INK)
        _share_y(ax, min(values), max(values), objective)
    present = {trial.proposal.scheduler for trial in chosen}
    legend_below(
        figure,
        [
            Line2D([], [], color=colour, linewidth=2.4, label=f"best with {name}")
            for name, colour in colours.items()
            if name in present
        ],
    )
    return png(figure)


def _share_y(ax: Axes, low: float, high: float, objective: Objective) -> None:
    if objective.direction == "minimize" and low > 0:
        ax.set_ylim(low / 1.15, high * 1.15)
        plain_log_y(ax)
    else:
        margin = 0.05 * (high - low) or 0.1
        ax.set_ylim(low - margin, high + margin)
