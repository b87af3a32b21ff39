"""The paper that all plots are drawn on: panels in a grid, light lines, one legend below, PNG out."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, Locator, LogFormatterSciNotation, LogLocator, NullFormatter, NullLocator

INK = "#222222"
FAINT = "#6B6B6B"
EMPHASIS = "#D55E00"
BAND = "#D9E8F3"
INTERVAL = "#F4C7A1"

_DPI = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What plots are drawn on, in inches, and as what kind of file: a panel among others, so many in a row; a panel
    alone; the width of panels that lie one under another; the legend, with so many entries in a row at most.
    """

    panel: tuple[float, float]
    columns: int
    alone: tuple[float, float]
    stacked: float
    legend: float
    entries: int
    form: Literal["png", "svg"]


NOTE = Paper(panel=(3.65, 2.9), columns=2, alone=(6.4, 3.6), stacked=6.8, legend=0.6, entries=3, form="png")
"""MLflow's notes show pictures at their own size: two panels of 365 pixels fit beside its side bars."""

CARD = Paper(panel=(3.75, 2.6), columns=1, alone=(3.75, 3.5), stacked=3.75, legend=1.0, entries=2, form="svg")
"""One picture in the width of a phone, sharp at any other, and clear, so that it takes the page's own ground."""


class _Layout(ConstrainedLayoutEngine):
    """Constrained layout that draws each axis's minor ticks as one line: an object for every tick, with two labels
    that say nothing, would cost half of what a picture costs.
    """

    def execute(self, fig: Figure) -> None:
        axes = [each for ax in fig.axes for each in (ax.xaxis, ax.yaxis)]
        minor = [each.get_minor_locator() for each in axes]
        for each in axes:
            each.set_minor_locator(NullLocator())
        super().execute(fig)
        # Only now: how many ticks there are depends on how long the axis is.
        for each, locator in zip(axes, minor, strict=True):
            if not isinstance(locator, NullLocator):
                _draw_minor_ticks(each, locator)


def _draw_minor_ticks(axis: Axis, locator: Locator) -> None:
    """Draws what matplotlib would draw itself, as it would draw the first of them."""
    axis.set_minor_locator(locator)
    places, scaled = axis.get_minorticklocs(), axis.get_transform().transform
    axis.set_minor_locator(NullLocator())
    low, high = sorted(scaled(axis.get_view_interval()))
    slack = 1e-10 * (high - low)
    within = [place for place, at in zip(places, scaled(places), strict=True) if low - slack <= at <= high + slack]
    edge = [0.0] * len(within)
    ticks = Line2D(within, edge) if isinstance(axis, XAxis) else Line2D(edge, within)
    ticks.update_from(axis.get_minor_ticks(1)[0].tick1line)
    ticks.set(clip_on=False, in_layout=False, zorder=axis.get_zorder())
    axis.axes.add_artist(ticks)


def panels(titles: Sequence[str], paper: Paper) -> tuple[Figure, list[Axes]]:
    """A figure with one titled panel per title, as many in a row as the paper has room for."""
    columns = min(paper.columns, len(titles))
    rows = -(-len(titles) // columns)
    # One panel alone would be a stamp beside the text of its axes.
    width, height = paper.alone if len(titles) == 1 else (paper.panel[0] * columns, paper.panel[1] * rows + 0.5)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=_Layout(w_pad=0.08, h_pad=0.08))
    FigureCanvasAgg(figure)
    axes = []
    for place, title in enumerate(titles):
        ax = figure.add_subplot(rows, columns, place + 1)
        _dress(ax, title)
        axes.append(ax)
    return figure, axes


def stack(heights: Mapping[str, float], paper: Paper) -> tuple[Figure, list[Axes]]:
    """A figure with one titled panel under another, by title and height in inches, that share their x."""
    figure = Figure(
        figsize=(paper.stacked, sum(heights.values()) + paper.legend),
        dpi=_DPI,
        layout=_Layout(w_pad=0.08, h_pad=0.08),
    )
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=list(heights.values()))
    axes: list[Axes] = []
    for place, title in enumerate(heights):
        ax = figure.add_subplot(grid[place], sharex=axes[0] if axes else None)
        _dress(ax, title)
        axes.append(ax)
    return figure, axes


def _dress(ax: Axes, title: str) -> None:
    ax.set_title(plain(title), fontsize=11, fontweight="bold", loc="left", color=INK)
    ax.grid(True, color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#999999")
    ax.tick_params(labelsize=9, colors=INK)


def log_lr_axis(ax: Axes, lrs: Sequence[float], label: str) -> None:
    """Makes x logarithmic around LRs, over two decades or more, with labels at powers of ten: they never overlap."""
    middle = math.sqrt(min(lrs) * max(lrs))
    ax.set_xscale("log")
    ax.set_xlim(min(min(lrs) / 1.4, middle / 10), max(max(lrs) * 1.4, middle * 10))
    ax.xaxis.set_major_locator(LogLocator(base=10, numticks=7))
    ax.xaxis.set_major_formatter(LogFormatterSciNotation(base=10, labelOnlyBase=True))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(label, fontsize=9.5, color=INK)


def plain_log_y(ax: Axes) -> None:
    """Makes y logarithmic with plain numbers: a loss of 0.3 reads 0.3."""
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = ax.get_ylim()
    # Within a decade or two the powers of ten alone would leave an axis with one number on it.
    ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, handles: Sequence[Artist], paper: Paper) -> None:
    """Puts one legend under all panels, where it covers no data, in as many columns as fit."""
    for columns in range(min(len(handles), paper.entries), 0, -1):
        legend = figure.legend(
            handles=list(handles),
            loc="outside lower center",
            ncols=columns,
            frameon=False,
            fontsize=8.5,
            columnspacing=1.5,
        )
        if columns == 1 or legend.get_window_extent().width < figure.bbox.width:
            return
        legend.remove()


def printed(figure: Figure, paper: Paper) -> bytes:
    """The figure as the paper's kind of file."""
    out = io.BytesIO()
    if paper.form == "png":
        # savefig would draw twice, the first time only to lay out.
        figure.set_facecolor("white")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        imsave(out, pixels, format="png", origin="upper", dpi=_DPI)
    else:
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()


def plain(text: str, most: int = 32) -> str:
    """A user's own words in a plot, at most so many characters of them, as they are: matplotlib would read what stands
    between dollars as mathematics.

    >>> plain("5 $") == "5 " + chr(92) + "$", plain("val/very_long", 8)
    (True, 'val/ver…')
    """
    return (text if len(text) <= most else f"{text[: most - 1]}…").replace("$", r"\$")
