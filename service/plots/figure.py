"""The paper that all plots are drawn on: panels in a grid, light lines, one legend below, PNG out."""

import io
import math
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullFormatter

INK = "#222222"
FAINT = "#6B6B6B"
EMPHASIS = "#D55E00"
BAND = "#D9E8F3"
INTERVAL = "#F4C7A1"

_DPI = 100
_PANEL = (3.65, 2.9)
"""Inches. MLflow's notes show pictures at their own size: two panels of 365 pixels fit beside its side bars."""


def panels(titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """A figure with one titled panel per title, two in a row."""
    columns = min(2, len(titles))
    rows = -(-len(titles) // columns)
    # One panel alone would be a stamp beside the text of its axes.
    width, height = (6.4, 3.6) if len(titles) == 1 else (_PANEL[0] * columns, _PANEL[1] * rows + 0.5)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    FigureCanvasAgg(figure)
    axes = []
    for place, title in enumerate(titles):
        ax = figure.add_subplot(rows, columns, place + 1)
        _dress(ax, title)
        axes.append(ax)
    return figure, axes


def stack(heights: Mapping[str, float]) -> tuple[Figure, list[Axes]]:
    """A figure with one titled panel under another, by title and height in inches, that share their x."""
    figure = Figure(
        figsize=(6.8, sum(heights.values()) + 0.6), dpi=_DPI, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
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
    ax.set_title(title, fontsize=11, fontweight="bold", loc="left", color=INK)
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


def legend_below(figure: Figure, handles: Sequence[Artist]) -> None:
    """Puts one legend under all panels, where it covers no data."""
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=min(len(handles), 3),
        frameon=False,
        fontsize=8.5,
        columnspacing=1.5,
    )


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DPI, facecolor="white")
    return out.getvalue()
