"""What a curve does on its ramp: whether it learns, where it blows up, whether it turns up at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sweeps.records import RangeTest
from sweeps.rules.smoothing import smoothed

_EXPLODED = 4.0
"""A loss of so many times the lowest before it counts as divergence: fastai's stop rule."""
_LEARNED = 0.02
"""A curve that never falls by more than this share of its start has learned nothing."""
_ABOVE_NOISE = 3.0
"""A fall of so many times what the loss moves from step to step is none by chance."""
_TURNED = 0.2
"""A loss that gives back this share of all that it fell has turned up."""
_LIGHT = 0.9
"""The weight of the past where a fall or a turn of a few steps must not be smoothed away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One seed's curve, smoothed up to where it blew up, and what it did; `lowest` is the step of the lowest loss."""

    curve: tuple[float, ...]
    lowest: int
    learned: bool
    exploded: bool
    turned_up: bool


def shapes_of(test: RangeTest) -> list[Shape | None]:
    """The shape of each seed's curve, [seeds]; a validation loss that turns up counts like the training loss."""
    validated = test.metrics.get("val/loss", ((),) * len(test.losses))
    return [
        shape_of(losses, len(test.lrs), validation) for losses, validation in zip(test.losses, validated, strict=True)
    ]


def shape_of(losses: Sequence[float], steps: int, validation: Sequence[float] = ()) -> Shape | None:
    """The shape of a curve of a ramp of so many steps, cut where it turned non-finite; None below two losses.

    `validation` holds the validation loss at some of the steps, where there is one.
    """
    if len(losses) < 2:
        return None
    whole = smoothed(losses)
    end = explosion(whole)
    curve = whole[:end]
    lowest = min(range(end), key=curve.__getitem__)
    exploded = len(losses) < steps or end < len(losses)
    return Shape(
        curve=tuple(curve),
        lowest=lowest,
        learned=curve[0] - curve[lowest] > _LEARNED * abs(curve[0]) or _fell(losses[:end]),
        exploded=exploded,
        turned_up=exploded or _turned_up(losses) or _rose(validation),
    )


def _fell(losses: Sequence[float]) -> bool:
    """True if the loss fell late and for a few steps only, but more than noise would have it."""
    return _start(losses) - min(smoothed(losses, _LIGHT)) > _chance(losses)


def _turned_up(losses: Sequence[float]) -> bool:
    curve = smoothed(losses, _LIGHT)
    lowest = min(range(len(curve)), key=curve.__getitem__)
    return max(curve[lowest:]) - curve[lowest] > max(_TURNED * (curve[0] - curve[lowest]), _chance(losses))


def _rose(validation: Sequence[float]) -> bool:
    """True if the last validation losses lie well above the lowest: a net that fits its data shows it nowhere else."""
    if len(validation) < 2:
        return False
    first, lowest = validation[0], min(validation)
    return median(validation[-3:]) - lowest > max(_TURNED * (first - lowest), _LEARNED * abs(first))


def _start(losses: Sequence[float]) -> float:
    return median(losses[: max(3, len(losses) // 10)])


def _chance(losses: Sequence[float]) -> float:
    """How far a lightly smoothed loss may move without that it means anything."""
    noise = median(abs(after - before) for before, after in pairwise(losses))
    return max(_LEARNED * abs(_start(losses)), _ABOVE_NOISE * noise)


def explosion(curve: Sequence[float]) -> int:
    """The step at which a loss blew up, or the curve's length; what comes after it is noise for the rules.

    >>> explosion([2.0, 1.0, 1.0, 5.0, 0.1]), explosion([2.0, 1.0, 1.5])
    (3, 3)
    """
    lowest = curve[0]
    for step, loss in enumerate(curve):
        lowest = min(lowest, loss)
        # Written as a distance, so that a loss below zero, a log-likelihood say, can blow up as well.
        if loss - lowest > (_EXPLODED - 1) * abs(lowest):
            return max(2, step)
    return len(curve)
