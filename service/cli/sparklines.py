"""A curve in one line of text."""

import math
from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_WIDTH = 16


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """The values as blocks from lowest to highest, at most `width` of them: of more, each stands for the last of a few.

    What is not finite is a cross. Values of which all are above 0 and some ten times others are drawn by their
    logarithms.

    >>> sparkline([3.0, 2.0, 1.0]), sparkline([0.5, 0.5]), sparkline([1.0, float("nan")]), sparkline([])
    ('█▅▁', '▁▁', '▁×', '')
    >>> sparkline([1000.0, 100.0, 10.0, 1.0])
    '█▆▃▁'
    """
    count = min(width, len(values))
    # The last of each few, so that the line ends where the curve does.
    chosen = [values[(place + 1) * len(values) // count - 1] for place in range(count)]
    finite = [value for value in chosen if math.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) > 10 * min(finite):
        chosen = [math.log(value) if value > 0 else value for value in chosen]
        finite = [math.log(value) for value in finite]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(_block(value, low, high) for value in chosen)


def _block(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return "×"
    share = (value - low) / (high - low) if high > low else 0.0
    return _LEVELS[round(share * (len(_LEVELS) - 1))]


def span_line(low: float, high: float, good: tuple[float, float] | None, width: int = 24) -> str:
    """A range from `low` to `high` on a logarithmic scale as a line, with the good part of it thick.

    >>> span_line(1e-4, 1.0, (1e-3, 1e-2), width=9)
    '──━━━────'
    """
    if good is None or high <= low:
        return "─" * width
    first, last = (
        min(width - 1, max(0, round(math.log(lr / low) / math.log(high / low) * (width - 1)))) for lr in good
    )
    return "─" * first + "━" * (last - first + 1) + "─" * (width - 1 - last)
