"""Rules that read an initial LR off a range test's curve: pure functions of (lrs, losses)."""

from collections.abc import Sequence

SMOOTHING = 0.98
"""fastai's weight of the past in its moving average."""


def smoothed(losses: Sequence[float], beta: float = SMOOTHING) -> list[float]:
    """An exponential moving average, debiased so that its first value is the first loss, [steps].

    Formula (fastai's Recorder): m_t = beta m_(t-1) + (1 - beta) L_t, value m_t / (1 - beta^(t+1)).

    >>> [round(value, 3) for value in smoothed([1.0, 2.0, 3.0], beta=0.5)]
    [1.0, 1.667, 2.429]
    """
    average, values = 0.0, []
    for step, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        values.append(average / (1 - beta**step))
    return values


def valley(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """The LR midway down the longest valley (fastai's default rule).

    The longest strictly decreasing subsequence of the losses, of length d and ending at index e, begins at
    s = e - d; with third = (e - s) / 3 the pick is lrs[s + int(third) + int(third / 2)].

    >>> valley([10.0**k for k in range(-7, 1)], [1.0, 0.9, 0.7, 0.5, 0.3, 0.2, 0.15, 3.0])
    1e-05
    """
    longest = [1] * len(losses)
    for right in range(1, len(losses)):
        for left in range(right):
            if losses[left] > losses[right]:
                longest[right] = max(longest[right], longest[left] + 1)
    end = max(range(len(losses)), key=longest.__getitem__)
    start = end - longest[end]
    third = (end - start) / 3
    return lrs[max(0, start + int(third) + int(third / 2))]
