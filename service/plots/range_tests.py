"""Range tests: the loss on the ramp of LRs, every seed, their median, and what was read off them."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

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
    panels,
    printed,
)
from sweeps.medians import median_curve
from sweeps.records import RangeTest
from sweeps.rules import smoothed

LINE = "#0072B2"


def range_tests(tests: Sequence[RangeTest], *, paper: Paper = NOTE) -> bytes | None:
    """A panel per optimizer: seeds thin, median thick, pick as a line, bounds as a band; None without tests.

    The smoothed median is drawn too, since that is what the pick was read off: it lags behind the median.
    """
    if not tests:
        return None
    figure, axes = panels([test.optimizer + ("" if test.trusted else ": not trusted") for test in tests], paper)
    for ax, test in zip(axes, tests, strict=True):
        _draw(ax, test)
    legend_below(
        figure,
        [
            Line2D([], [], color=FAINT, linewidth=0.8, alpha=0.6, label="each seed"),
            Line2D([], [], color=LINE, linewidth=2.4, label="median of the seeds"),
            Line2D([], [], color=INK, linewidth=0.8, label="smoothed, what the pick reads"),
            Line2D([], [], color=EMPHASIS, linewidth=1.6, linestyle="--", label="initial LR picked"),
            Patch(color=BAND, label="LRs that are searched"),
            *([Patch(color=INTERVAL, label="where it may lie")] if any(test.interval for test in tests) else []),
        ],
        paper,
    )
    return printed(figure, paper)


def draw_losses(ax: Axes, test: RangeTest) -> None:
    """The training loss over the LR: seeds thin, median thick, what the pick reads black; cut where it explodes."""
    ax.set_ylabel("training loss", fontsize=9.5, color=INK)
    for losses in test.losses:
        ax.plot(test.lrs[: len(losses)], losses, color=FAINT, linewidth=0.7, alpha=0.5)
    curve = median_curve(test.losses)
    ax.plot(test.lrs[: len(curve)], curve, color=LINE, linewidth=2.4)
    read = median_curve([smoothed(losses) for losses in test.losses])
    ax.plot(test.lrs[: len(read)], read, color=INK, linewidth=0.8)
    finite = [loss for loss in curve if math.isfinite(loss)]
    if finite:
        # What blows up at the end of the ramp would press the valley, which is read, into a flat line.
        low, start = min(finite), finite[0]
        margin = 0.12 * (start - low) or 0.1 * abs(start) or 0.1
        ax.set_ylim(low - margin, max(start + 5 * margin, start * 1.15))


def mark(ax: Axes, test: RangeTest) -> None:
    """Draws what was concluded: the bounds, the interval and the pick, from top to bottom of a panel."""
    ax.axvspan(test.low, test.high, color=BAND, zorder=0)
    if test.interval is not None:
        ax.axvspan(*test.interval, color=INTERVAL, zorder=0.5)
    ax.axvline(test.initial_lr, color=EMPHASIS, linewidth=1.6, linestyle="--", zorder=1)


def _draw(ax: Axes, test: RangeTest) -> None:
    log_lr_axis(ax, [*test.lrs, test.low, test.high], "LR on the ramp")
    mark(ax, test)
    draw_losses(ax, test)
    say_pick(ax, test)


def say_pick(ax: Axes, test: RangeTest) -> None:
    """Writes the pick beside its line, on the side where there is more room."""
    text = f"{test.initial_lr:.1e}" if test.trusted else f"{test.initial_lr:.1e} (a guess)"
    left, right = ax.get_xlim()
    on_the_right = test.initial_lr > math.sqrt(left * right)
    ax.annotate(
        text,
        xy=(test.initial_lr, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if on_the_right else 5, 0),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        va="top",
        fontsize=10,
        fontweight="bold",
        color=EMPHASIS,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
