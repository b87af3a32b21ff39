"""The finders as people know them, told step by step with numpy: what each tool would suggest for a curve of losses.

Sources: fastai 2.8 `LRFinder` and `callback.schedule`, torch-lr-finder 0.2 `LRFinder`, Lightning 2.5 `tuner.lr_finder`,
Ignite 0.5 `FastaiLRFinder`.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

Losses = Sequence[float]


def fastai(lrs: Losses, losses: Losses) -> tuple[np.ndarray, np.ndarray]:
    """What `lr_find` hands to its suggestion functions."""
    value, best, recorded = 0.0, math.inf, []
    for count, loss in enumerate(losses, start=1):
        value = loss + (value - loss) * 0.98
        recorded.append(value / (1 - 0.98**count))
        best = min(best, recorded[-1])
        if recorded[-1] > 4 * best:
            break
    planned = len(lrs)
    return np.array(lrs[: len(recorded)])[planned // 10 : -5], np.array(recorded)[planned // 10 : -5]


def fastai_valley(lrs: Losses, losses: Losses) -> float | None:
    x, y = fastai(lrs, losses)
    if len(y) == 0:
        return None
    lengths = [1] * len(y)
    for i in range(len(y)):
        lengths[i] = 1 + max((lengths[j] for j in range(i) if y[j] > y[i]), default=0)
    end = int(np.argmax(lengths))
    start = end - lengths[end]
    sections = (end - start) / 3
    # A curve that never falls has s = -1 here and 0 in fastai, whose loop never gets to set it.
    return float(x[max(0, start + int(sections) + int(sections / 2))])


def fastai_slide(lrs: Losses, losses: Losses) -> float | None:
    x, y = fastai(lrs, losses)
    if len(y) < 16:
        return None
    slope = np.gradient(y)
    right, left = -1, -16
    answer = x[left]
    while left >= -len(y) and abs(slope[right] - slope[left]) > 0.005:
        answer = x[left]
        right, left = right - 1, left - 1
    return float(answer)


def fastai_steep(lrs: Losses, losses: Losses) -> float | None:
    x, y = fastai(lrs, losses)
    return float(x[np.argmin(np.diff(y) / np.diff(np.log(x)))]) if len(y) > 1 else None


def fastai_minimum(lrs: Losses, losses: Losses) -> float | None:
    x, y = fastai(lrs, losses)
    return float(x[y.argmin()]) / 10 if len(y) else None


def seeded(lrs: Losses, losses: Losses) -> tuple[np.ndarray, np.ndarray]:
    """What torch-lr-finder and Ignite keep as their history."""
    history: list[float] = []
    best = math.inf
    for loss in losses:
        history.append(0.05 * loss + 0.95 * history[-1] if history else loss)
        best = min(best, history[-1])
        if history[-1] > 5 * best:
            break
    return np.array(lrs[: len(history)]), np.array(history)


def torch_lr_finder(lrs: Losses, losses: Losses) -> float | None:
    x, y = seeded(lrs, losses)
    x, y = x[10:-5], y[10:-5]
    return float(x[np.gradient(y).argmin()]) if len(y) > 1 else None


def lightning(lrs: Losses, losses: Losses) -> float | None:
    average, best, recorded = 0.0, 0.0, []
    for global_step, loss in enumerate(losses, start=1):
        average = 0.98 * average + 0.02 * loss
        recorded.append(average / (1 - 0.98 ** (global_step + 1)))
        if global_step > 1 and recorded[-1] > 4 * best:
            break
        if global_step == 1 or recorded[-1] < best:
            best = recorded[-1]
    x, y = np.array(lrs[: len(recorded)])[10:-1], np.array(recorded)[10:-1]
    return float(x[np.gradient(y, x).argmin()]) if len(y) > 1 else None


def ignite(lrs: Losses, losses: Losses) -> float | None:
    x, y = seeded(lrs, losses)
    falling = y[: y.argmin() + 1] if len(y) else y
    if len(falling) < 3:
        return None
    slopes = [0.5 * (falling[i + 1] - falling[i - 1]) for i in range(1, len(falling) - 1)]
    return float(x[1 + int(np.argmin(slopes))])


PLAIN: dict[str, Callable[[Losses, Losses], float | None]] = {
    "valley": fastai_valley,
    "slide": fastai_slide,
    "steep": fastai_steep,
    "minimum": fastai_minimum,
    "lr-finder": torch_lr_finder,
    "lightning": lightning,
    "ignite": ignite,
}
