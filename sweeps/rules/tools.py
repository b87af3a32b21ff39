"""How each tool prepares a curve before its rule looks at it: the smoothing, where the test stops, what is cut off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweeps.rules.smoothing import smoothed, smoothed_from_first, smoothed_late

Point = Callable[[Sequence[float], Sequence[float]], float | None]
"""A pure function of (lrs, losses) that gives an LR, or None where it finds none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool's own way to prepare a curve, by its defaults.

    The test stops after a smoothed loss of more than `stop` times the lowest before it; then the first `skip(steps)`
    points, of the steps that were planned, and the last `drop` are left out.
    """

    name: str
    smooth: Callable[[Sequence[float]], list[float]]
    stop: float
    skip: Callable[[int], int]
    drop: int

    def prepare(self, lrs: Sequence[float], losses: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
        """What is left of a curve; `losses` may be shorter than `lrs`, which has a value for each step planned."""
        curve = self.smooth(losses)
        end, begin = max(0, self._stopped(curve) - self.drop), self.skip(len(lrs))
        return lrs[begin:end], curve[begin:end]

    def _stopped(self, curve: Sequence[float]) -> int:
        best = curve[0] if curve else 0.0
        for step, loss in enumerate(curve):
            if loss > self.stop * best:
                return step + 1
            if loss < best:
                best = loss
        return len(curve)

    def reading(self, point: Point, least: int) -> Point:
        """The rule as the tool applies it; None where fewer than `least` points are left of a curve."""

        def read(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
            own_lrs, curve = self.prepare(lrs, losses)
            return point(own_lrs, curve) if len(curve) >= least else None

        return read


FASTAI = Tool(name="fastai", smooth=smoothed, stop=4.0, skip=lambda steps: steps // 10, drop=5)
LR_FINDER = Tool(name="torch-lr-finder", smooth=smoothed_from_first, stop=5.0, skip=lambda steps: 10, drop=5)
LIGHTNING = Tool(name="Lightning", smooth=smoothed_late, stop=4.0, skip=lambda steps: 10, drop=1)
IGNITE = Tool(name="Ignite", smooth=smoothed_from_first, stop=5.0, skip=lambda steps: 0, drop=0)
