"""The moving averages that the tools smooth a range test's losses with."""

from collections.abc import Sequence

SMOOTHING = 0.98
"""fastai's and Lightning's weight of the past in their moving averages."""
SEEDED_SMOOTHING = 0.95
"""torch-lr-finder's and Ignite's."""


def smoothed(losses: Sequence[float], beta: float = SMOOTHING, *, lag: int = 0) -> list[float]:
    """An exponential moving average, debiased so that its first value is the first loss, [steps].

    Formula (fastai's Recorder): m_t = beta m_(t-1) + (1 - beta) L_t, value m_t / (1 - beta^(t+1)). A `lag` counts so
    many steps too many in the debiasing: the values then begin low and rise by themselves.

    >>> [round(value, 3) for value in smoothed([1.0, 2.0, 3.0], beta=0.5)]
    [1.0, 1.667, 2.429]
    """
    average, values = 0.0, []
    for step, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        values.append(average / (1 - beta ** (step + lag)))
    return values


def smoothed_late(losses: Sequence[float]) -> list[float]:
    """Lightning's average, [steps]: fastai's, whose debiasing counts one step too many (2.5.3, `_LRCallback`).

    >>> [round(value, 3) for value in smoothed_late([1.0, 1.0, 1.0])]
    [0.505, 0.673, 0.758]
    """
    return smoothed(losses, lag=1)


def smoothed_from_first(losses: Sequence[float], beta: float = SEEDED_SMOOTHING) -> list[float]:
    """torch-lr-finder's and Ignite's average, [steps]: it starts at L_0, v_t = beta v_(t-1) + (1 - beta) L_t.

    >>> [round(value, 3) for value in smoothed_from_first([1.0, 2.0, 2.0])]
    [1.0, 1.05, 1.098]
    """
    values = list(losses[:1])
    for loss in losses[1:]:
        values.append(beta * values[-1] + (1 - beta) * loss)
    return values
