"""LR sensitivity: where along the initial LR each optimizer trains well, and where it breaks."""

import math
from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from service.plots.figure import INK, NOTE, Paper, legend_below, log_lr_axis, panels, plain, plain_log_y, printed
from service.plots.palette import scheduler_colours
from service.records import TrialRecord
from sweeps.objective import Objective
from sweeps.records import Outcome, Pick

_MARKERS = {
    Outcome.COMPLETE: ("o", "complete"),
    Outcome.PRUNED: ("v", "pruned"),
    Outcome.DIVERGED: ("x", "diverged, or off the scale"),
}
_OFF_SCALE = 300.0
"""A loss of so many times the best one goes to the edge: beside it, the good ones would lie flat."""

_APART = 1.06
"""Half the span, as a factor of the LR, over which the schedulers' points of one LR lie side by side."""


def sensitivity(
    trials: Sequence[TrialRecord],
    picks: Sequence[Pick],
    objective: Objective,
    *,
    optimizers: Sequence[str] | None = None,
    paper: Paper = NOTE,
) -> bytes | None:
    """A panel per optimizer: objective over initial LR; colour by scheduler, marker by outcome, picks ringed.

    Schedulers stand a little to the side of each other, within 6 % of the LR. All panels share the objective's axis,
    so that optimizers compare at a glance. FAILED and CANCELLED trials say nothing about an LR and are left out;
    None if no other trial has ended. `optimizers` are those to draw, all of them if None.
    """
    drawn = [trial for trial in trials if trial.outcome in _MARKERS]
    if not drawn:
        return None
    optimizers = optimizers or sorted({trial.proposal.optimizer for trial in drawn})
    colours = scheduler_colours(sorted(trial.proposal.scheduler for trial in trials))
    figure, axes = panels(optimizers, paper)
    scale = _Scale(drawn, objective)
    for ax, optimizer in zip(axes, optimizers, strict=True):
        mine = [trial for trial in drawn if trial.proposal.optimizer == optimizer]
        _draw(ax, mine, [pick for pick in picks if pick.optimizer == optimizer], colours, scale)
        ax.set_ylabel(plain(objective.metric), fontsize=9.5, color=INK)
    legend_below(figure, [*_scheduler_keys(drawn, colours), *_outcome_keys(drawn, bool(picks))], paper)
    return printed(figure, paper)


class _Scale:
    """The objective's axis: its bounds, whether it is logarithmic, and the edge where the broken go."""

    def __init__(self, trials: Sequence[TrialRecord], objective: Objective):
        values = [t.value for t in trials if t.value is not None and math.isfinite(t.value)] or [1.0]
        self.minimize = objective.direction == "minimize"
        self.log = self.minimize and min(values) > 0
        top = min(max(values), min(values) * _OFF_SCALE) if self.log else max(values)
        low, high = (math.log(min(values)), math.log(top)) if self.log else (min(values), top)
        margin = 0.09 * (high - low) or 0.1 * abs(high) or 0.1
        bounds = (low - margin, high + 1.6 * margin) if self.minimize else (low - 1.6 * margin, high + margin)
        self.low, self.high = (math.exp(bounds[0]), math.exp(bounds[1])) if self.log else bounds
        edge = bounds[1] - 0.4 * margin if self.minimize else bounds[0] + 0.4 * margin
        self.edge = math.exp(edge) if self.log else edge
        self._top = top

    def place(self, trial: TrialRecord) -> tuple[float, bool]:
        """Where on the axis a trial stands, and whether it had to go to the edge."""
        if trial.outcome is Outcome.DIVERGED or trial.value is None or not math.isfinite(trial.value):
            return self.edge, True
        return (self.edge, True) if self.minimize and trial.value > self._top else (trial.value, False)


def _draw(
    ax: Axes, trials: Sequence[TrialRecord], picks: Sequence[Pick], colours: dict[str, str], scale: _Scale
) -> None:
    log_lr_axis(ax, [trial.proposal.initial_lr for trial in trials], "initial LR")
    ax.set_ylim(scale.low, scale.high)
    if scale.log:
        plain_log_y(ax)
    # All pairs start from the range test's LR and the folk LRs: there, points would hide each other.
    shift = _shifts(trials)
    for trial in trials:
        assert trial.outcome is not None
        value, at_edge = scale.place(trial)
        marker = "x" if at_edge else _MARKERS[trial.outcome][0]
        colour = colours[trial.proposal.scheduler]
        face = colour if marker == "o" else "none"
        ax.plot(
            trial.proposal.initial_lr * shift[trial.proposal.scheduler],
            value,
            marker=marker,
            markersize=6.5,
            markerfacecolor=face,
            markeredgecolor=colour,
            markeredgewidth=1.5,
            linestyle="none",
            alpha=0.75,
            clip_on=False,
            in_layout=False,
        )
    for pick in picks:
        ax.plot(
            pick.initial_lr * shift.get(pick.scheduler, 1.0),
            pick.value,
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.3,
            linestyle="none",
        )


def _shifts(trials: Sequence[TrialRecord]) -> dict[str, float]:
    """How much each scheduler's points are moved along the LR: by less than the width of one, all of them together."""
    names = sorted({trial.proposal.scheduler for trial in trials})
    middle = (len(names) - 1) / 2
    return {name: _APART ** ((place - middle) / max(middle, 1.0)) for place, name in enumerate(names)}


def _scheduler_keys(trials: Sequence[TrialRecord], colours: dict[str, str]) -> list[Artist]:
    present = {trial.proposal.scheduler for trial in trials}
    return [
        Line2D([], [], marker="s", markersize=8, linestyle="none", color=colour, label=plain(name))
        for name, colour in colours.items()
        if name in present
    ]


def _outcome_keys(trials: Sequence[TrialRecord], picked: bool) -> list[Artist]:
    present = {trial.outcome for trial in trials}
    keys: list[Artist] = [
        Line2D(
            [],
            [],
            marker=marker,
            markersize=6.5,
            linestyle="none",
            markerfacecolor=INK if marker == "o" else "none",
            markeredgecolor=INK,
            markeredgewidth=1.5,
            label=label,
        )
        for outcome, (marker, label) in _MARKERS.items()
        if outcome in present
    ]
    if picked:
        ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgecolor": INK}
        keys.append(Line2D([], [], linestyle="none", markeredgewidth=1.3, label="pick", **ring))  # type: ignore[arg-type]
    return keys
