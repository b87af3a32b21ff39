"""What a sweep optimizes, and when a trial no longer improves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The metric that is optimized, its direction, and whether a trial's last or best epoch counts."""

    metric: str = "val/loss"
    direction: Literal["minimize", "maximize"] = "minimize"
    value: Literal["last", "best"] = "best"

    def better(self, left: float, right: float) -> bool:
        """True if left beats right strictly; NaN never wins.

        >>> Objective(direction="maximize").better(0.9, 0.8)
        True
        """
        if math.isnan(left) or math.isnan(right):
            return not math.isnan(left)
        return left < right if self.direction == "minimize" else left > right

    @property
    def worst(self) -> float:
        """The value that loses against every other: what a diverged trial is told as."""
        return math.inf if self.direction == "minimize" else -math.inf

    def of(self, series: Sequence[float]) -> float | None:
        """The objective of a trial whose metric took these values, epoch by epoch; None before the first.

        >>> Objective(value="best").of([0.5, 0.3, 0.4]), Objective(value="last").of([0.5, 0.3, 0.4])
        (0.3, 0.4)
        """
        finite = [value for value in series if math.isfinite(value)]
        if not finite:
            return None
        if self.value == "last":
            return finite[-1]
        return min(finite) if self.direction == "minimize" else max(finite)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStopping:
    """Ends a trial once its objective has not improved by more than min_delta for `patience` epochs."""

    patience: int
    min_delta: float = 0.0

    def is_over(self, series: Sequence[float], objective: Objective) -> bool:
        """True if the best value lies `patience` or more epochs back.

        >>> EarlyStopping(patience=2).is_over([0.5, 0.3, 0.4, 0.35], Objective())
        True
        >>> EarlyStopping(patience=2).is_over([0.5, 0.3, 0.4], Objective())
        False
        """
        sign = 1.0 if objective.direction == "minimize" else -1.0
        best, best_epoch = math.inf, 0
        for epoch, value in enumerate(series):
            if sign * value < best - self.min_delta:
                best, best_epoch = sign * value, epoch
        return len(series) - 1 - best_epoch >= self.patience
