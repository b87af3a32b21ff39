"""Schedules: what several schedulers do to the LR (and the momentum), epoch by epoch or step by step, in one plot."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from service.plots.figure import INK, NOTE, legend_below, panels, plain, printed
from service.plots.palette import scheduler_colours

_LONGEST = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCurve:
    """What one scheduler does: value i is in force from x[i] on, in epochs or steps."""

    scheduler: str
    label: str
    """Name and arguments, as the user gave them."""
    x: Sequence[float]
    lrs: Sequence[float]
    momenta: Sequence[float] | None = None


def colours_of(curves: Sequence[ScheduleCurve]) -> list[str]:
    """One colour a curve: that of its scheduler, unless the same scheduler comes twice."""
    count = Counter(curve.scheduler for curve in curves)
    keys = [curve.scheduler if count[curve.scheduler] == 1 else curve.label for curve in curves]
    colours = scheduler_colours(keys)
    return [colours[key] for key in keys]


def schedules(curves: Sequence[ScheduleCurve], unit: str) -> bytes:
    """All curves in one panel as PNG bytes, and a second panel for momentum if any of them cycles it.

    `unit` is what x counts: "epoch" or "step".
    """
    colours = colours_of(curves)
    cycles = any(curve.momenta is not None for curve in curves)
    figure, axes = panels(["learning rate", "momentum"] if cycles else ["learning rate"], NOTE)
    for curve, colour in zip(curves, colours, strict=True):
        _draw(axes[0], curve.x, curve.lrs, colour)
        if curve.momenta is not None:
            _draw(axes[1], curve.x, curve.momenta, colour)
    for ax, name in zip(axes, ("LR", "momentum"), strict=False):
        ax.set_xlabel(unit, fontsize=9.5, color=INK)
        ax.set_ylabel(name, fontsize=9.5, color=INK)
    handles = [
        Line2D([], [], color=colour, linewidth=2.4, label=plain(curve.label, _LONGEST))
        for curve, colour in zip(curves, colours, strict=True)
    ]
    legend_below(figure, handles, NOTE)
    return printed(figure, NOTE)


def _draw(ax: Axes, x: Sequence[float], values: Sequence[float], colour: str) -> None:
    # A value holds for its whole epoch: no slope between one and the next, and the last one has its width, too.
    end = x[-1] + (x[-1] - x[-2] if len(x) > 1 else 1)
    ax.plot([*x, end], [*values, values[-1]], color=colour, linewidth=1.8, alpha=0.9, drawstyle="steps-post")
