"""A line plot in braille for the terminal: coloured lines in one frame, or one frame each without colours."""

import math
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise

Line = tuple[str, Sequence[float], Sequence[float]]
"""Label, x, y."""

_COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue", "white")
_MOST_POINTS = 4000
_MARGIN = 19
"""Columns that the numbers beside the frame take, and the arrow of the x axis, without its label."""


def line_plot(lines: Sequence[Line], *, x_label: str, y_label: str, width: int, log_x: bool = False) -> str:
    """The lines as text within `width` columns, 45 at least; values that are not finite are left out.

    With `log_x`, x is above 0 and lies on a logarithmic axis; else the axis begins at 0.

    A value holds until the next x, so that every change is drawn as a step.
    """
    from plotille import Figure

    lines = [(label, *_finite([math.log10(each) for each in x] if log_x else x, y)) for label, x, y in lines]
    values = [value for _, _, y in lines for value in y]
    if not values:
        return "nothing to draw: no value is finite"
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    frames = [lines] if coloured or len(lines) == 1 else [[line] for line in lines]
    low, step, rows = _scale(min(values), max(values), most=16 if len(frames) == 1 else 10)
    left = min(x[0] for _, x, _ in lines if x) if log_x else 0.0
    right = max(_end(x) for _, x, _ in lines)
    drawn = []
    for frame in frames:
        figure = Figure()
        figure.width, figure.height = max(20, (width - _MARGIN - len(x_label)) // 10 * 10), rows
        figure.x_label, figure.y_label = x_label, y_label
        figure.origin, figure.with_colors = False, coloured
        figure.set_x_limits(min_=left, max_=right)
        figure.set_y_limits(min_=low, max_=low + step * rows)
        figure.register_label_formatter(float, _power if log_x else _number)
        for place, (label, x, y) in enumerate(frame):
            corners = list(_corners(x, y))
            figure.plot(
                [at for at, _ in corners], [to for _, to in corners], lc=_COLOURS[place % len(_COLOURS)], label=label
            )
        text = str(figure.show(legend=len(frame) > 1))
        drawn.append(f"{frame[0][0]}\n{text}" if len(frames) > 1 else text)
    return "\n".join(drawn)


def _finite(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """The points that can be drawn, fewer where a terminal could not show them all."""
    points = [point for point in zip(x, y, strict=True) if math.isfinite(point[1])]
    points = points[:: max(1, len(points) // _MOST_POINTS)]
    return [x for x, _ in points], [y for _, y in points]


def _end(x: Sequence[float]) -> float:
    """Where the last value's own epoch or step ends.

    >>> _end([0.0, 0.5, 1.0]), _end([0.0]), _end([])
    (1.5, 1.0, 1.0)
    """
    return x[-1] + (x[-1] - x[-2]) if len(x) > 1 else 1.0


def _scale(low: float, high: float, most: int) -> tuple[float, float, int]:
    """Where an axis starts, how much a row covers, and how many rows there are: round numbers, at most so many rows.

    The axis starts at 0 unless all values lie in the upper half of it. The highest value is inside the top row.

    >>> _scale(0.0, 0.1, most=16), _scale(0.85, 0.95, most=16)
    ((0.0, 0.01, 11), (0.85, 0.01, 11))
    """
    if 0 <= low <= high / 2 or low == high:
        low = min(low, 0.0)
    span = high - low or 1.0
    exponent = math.floor(math.log10(span / most))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * 10.0**exponent
        start = math.floor(low / step + 1e-9)
        rows = math.floor(high / step + 1e-9) - start + 1
        if rows <= most:
            break
    return start * step, step, max(rows, 4)


def _corners(x: Sequence[float], y: Sequence[float]) -> Iterator[tuple[float, float]]:
    """The points of a staircase: the old value is still there when the new one comes.

    >>> list(_corners([0, 1], [0.5, 0.25]))
    [(0, 0.5), (1, 0.5), (1, 0.25)]
    """
    points = list(zip(x, y, strict=True))
    yield from points[:1]
    for (_, before), (at, after) in pairwise(points):
        if before != after:
            yield at, before
        yield at, after


def _power(value: float, chars: int, delta: float, left: bool = False) -> str:
    """A number beside a logarithmic x axis, or beside its y axis, which is not.

    >>> _power(-3.0, 9, 1.0, left=True), _power(0.5, 9, 1.0)
    ('1.0e-03  ', '      0.5')
    """
    return f"{10**value:.1e}".ljust(chars) if left else _number(value, chars, delta)


def _number(value: float, chars: int, delta: float, left: bool = False) -> str:
    """A number beside an axis, as short as it can be.

    >>> _number(0.00123456, 9, 1.0), _number(60.0, 9, 1.0, left=True)
    (' 0.001235', '60       ')
    """
    text = f"{value:.4g}"
    return text.ljust(chars) if left else text.rjust(chars)
