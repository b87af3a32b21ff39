"""One range test in full: its curves, what was validated and probed, and every rule's mark, one under another."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from service.plots.figure import (
    BAND,
    EMPHASIS,
    FAINT,
    INK,
    INTERVAL,
    NOTE,
    Paper,
    legend_below,
    log_lr_axis,
    plain,
    printed,
    stack,
)
from service.plots.range_tests import LINE, draw_losses, mark, say_pick
from sweeps.medians import median_curve
from sweeps.objective import Objective
from sweeps.records import Probed, RangeTest
from sweeps.rules import RuleReading

_LOSS, _VALIDATED, _PROBED, _RULES = "Range test", "Validation on the ramp", "Probe", "What each rule reads"
_ROW = 0.23
"""Inches of a rule's row."""


def range_test(
    test: RangeTest, readings: Mapping[str, RuleReading], objective: Objective, *, paper: Paper = NOTE
) -> bytes:
    """The curves over the LR with pick, interval and searched bounds through all panels.

    Rules have a row each, so that their names never meet. What the test has not is left out.
    """
    shown = {_LOSS: 2.6, _VALIDATED: 1.6, _PROBED: 1.9, _RULES: 0.35 + _ROW * len(readings)}
    has = {_LOSS: True, _VALIDATED: bool(_finite_metric(test, objective)), _PROBED: bool(test.probe), _RULES: True}
    titles = {name: _title(name, test) for name in shown if has[name]}
    figure, axes = stack({titles[name]: shown[name] for name in titles}, paper)
    by_name = dict(zip(titles, axes, strict=True))
    for ax in axes:
        mark(ax, test)
    draw_losses(by_name[_LOSS], test)
    if _VALIDATED in by_name:
        _draw_metric(by_name[_VALIDATED], test, _finite_metric(test, objective))
    if _PROBED in by_name:
        _draw_probe(by_name[_PROBED], test.probe, objective)
    _draw_rules(by_name[_RULES], readings)
    marks = [reading.lr for reading in readings.values() if reading.lr is not None]
    everything = [*test.lrs, test.low, test.high, *(lane.lr for lane in test.probe), *marks]
    log_lr_axis(axes[-1], everything, "LR")
    for ax in axes[:-1]:
        ax.tick_params(labelbottom=False)
    say_pick(by_name[_LOSS], test)
    legend_below(figure, _keys(test), paper)
    return printed(figure, paper)


def _title(name: str, test: RangeTest) -> str:
    match name:
        case "Range test":
            return f"{test.optimizer}{'' if test.trusted else ': not trusted'}"
        case "Probe":
            return f"Probe, scheduler {test.scheduler}"
    return name


def _finite_metric(test: RangeTest, objective: Objective) -> str:
    """The metric to draw: the objective's, else the first that there is; empty if none has a finite value."""
    names = [objective.metric, *test.metrics]
    finite = (name for name in names if any(map(math.isfinite, median_curve(test.metrics.get(name, ())))))
    return next(finite, "")


def _draw_metric(ax: Axes, test: RangeTest, name: str) -> None:
    ax.set_ylabel(plain(name), fontsize=9.5, color=INK)
    lrs = [test.lrs[step - 1] for step in test.metric_steps]
    for curve in test.metrics[name]:
        ax.plot(lrs[: len(curve)], curve, color=FAINT, linewidth=0.7, alpha=0.5)
    middle = median_curve(test.metrics[name])
    ax.plot(lrs[: len(middle)], middle, color=LINE, linewidth=2.0, marker="o", markersize=3)
    _fit(ax, [value for value in middle if math.isfinite(value)], of_start=middle[0])


def _draw_probe(ax: Axes, probe: Sequence[Probed], objective: Objective) -> None:
    """A dot a lane at its last value, the longer trained the fuller; exploded ones are crosses at the upper edge."""
    ax.set_ylabel(plain(objective.metric), fontsize=9.5, color=INK)
    longest = max(len(lane.values) for lane in probe)
    ended = [lane for lane in probe if lane.values and not lane.exploded and math.isfinite(lane.values[-1])]
    for lane in ended:
        share = len(lane.values) / longest
        ax.plot(lane.lr, lane.values[-1], "o", color=LINE, markersize=4.5, alpha=0.25 + 0.65 * share)
    whole = {lane.lr: [each.values[-1] for each in ended if each.lr == lane.lr] for lane in ended}
    ax.plot(sorted(whole), [median(whole[lr]) for lr in sorted(whole)], color=LINE, linewidth=0.8, alpha=0.6)
    for lane in probe:
        if lane.exploded:
            ax.plot(lane.lr, 0.94, "x", color=INK, markersize=5, transform=ax.get_xaxis_transform())
    _fit(ax, [lane.values[-1] for lane in ended], of_start=max((lane.values[0] for lane in ended), default=1.0))


def _fit(ax: Axes, values: Sequence[float], *, of_start: float) -> None:
    """Bounds that show the good part: what is far above the start is cut off."""
    if values:
        low, high = min(values), min(max(values), max(1.3 * abs(of_start), min(values)))
        margin = 0.1 * (high - low) or 0.1 * abs(high) or 0.1
        ax.set_ylim(low - margin, high + 1.8 * margin)
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _draw_rules(ax: Axes, readings: Mapping[str, RuleReading]) -> None:
    rows = list(readings.values())[::-1]
    ax.set_yticks(range(len(rows)), [f"{row.rule}  {_short(row.lr)}" for row in rows], fontsize=8.5)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    for place, row in enumerate(rows):
        if row.interval is not None:
            ax.plot(row.interval, (place, place), color=LINE, linewidth=3, alpha=0.35, solid_capstyle="butt")
        if row.lr is not None:
            ax.plot(row.lr, place, "D", color=LINE, markersize=4.5)


def _short(lr: float | None) -> str:
    return "-" if lr is None else f"{lr:.1e}"


def _keys(test: RangeTest) -> list[Artist]:
    keys: list[Artist] = [
        Line2D([], [], color=FAINT, linewidth=0.8, alpha=0.6, label="each seed"),
        Line2D([], [], color=LINE, linewidth=2.4, label="median of the seeds"),
        Line2D([], [], color=INK, linewidth=0.8, label="smoothed as fastai does"),
        Line2D([], [], color=EMPHASIS, linewidth=1.6, linestyle="--", label="recommended initial LR"),
        Patch(color=BAND, label="LRs that a sweep searches"),
    ]
    if test.interval is not None:
        keys.append(Patch(color=INTERVAL, label="where it may lie"))
    if test.probe:
        keys.append(Line2D([], [], color=LINE, marker="o", linewidth=0, markersize=4.5, label="trained at one LR"))
    if any(lane.exploded for lane in test.probe):
        keys.append(Line2D([], [], color=INK, marker="x", linewidth=0, markersize=5, label="exploded"))
    return keys
