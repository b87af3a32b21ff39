"""When a ramp is validated on its way, on how much of the validation data, and what was seen."""

from collections.abc import Mapping

from sweeps.rangetest import watch_steps
from sweeps.records import Ramp
from workers.data import Batches

_BATCHES_A_STEP = 2
"""Validation batches that a ramp affords for each training step."""


class Looks:
    """The looks at one lane: none without a ramp, or without validation data.

    A look takes every `stride`-th validation batch, so that looking costs no more than training does.
    """

    def __init__(self, ramp: Ramp | None, val: Batches | None):
        steps = watch_steps(ramp) if ramp is not None and val is not None else ()
        self._steps = frozenset(steps)
        self.stride = -(-val.per_epoch // (_BATCHES_A_STEP * steps[0])) if steps and val is not None else 1
        self._seen: dict[int, Mapping[str, float]] = {}

    def due(self, step: int) -> bool:
        """True if a look is wanted after so many steps, and was not taken yet."""
        return step in self._steps and step not in self._seen

    def following(self, step: int) -> int | None:
        """The number of steps after which the next look is wanted; None if none is."""
        return min((at for at in self._steps if at > step), default=None)

    def see(self, step: int, metrics: Mapping[str, float]) -> None:
        """Takes what validation said."""
        self._seen[step] = metrics

    def take(self) -> Mapping[int, Mapping[str, float]]:
        """What was seen since it was last taken, by the number of steps that were done."""
        seen, self._seen = self._seen, {}
        return seen
