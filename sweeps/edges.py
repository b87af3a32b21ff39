"""Whether a value lies at the end of where it was looked for."""

import math
from typing import Literal

_EDGE = 1 / 30
"""The share of a logarithmic range, at either end, within which the best value may as well lie beyond it."""


def edge(value: float, low: float, high: float) -> Literal["upper", "lower"] | None:
    """The end of low..high at which a value lies, on a logarithmic scale; None if it lies inside.

    >>> edge(0.9, 1e-3, 1.0), edge(0.1, 1e-3, 1.0), edge(1e-3, 1e-3, 1.0)
    ('upper', None, 'lower')
    >>> [edge(value, 1e-3, 1.0) for value in (0.8, 0.79, 1.26e-3, 1.25e-3)]  # A tenth of a decade from either end.
    ['upper', None, None, 'lower']
    """
    share = math.log(value / low) / math.log(high / low)
    if share > 1 - _EDGE:
        return "upper"
    return "lower" if share < _EDGE else None
