"""What the LR of each group, and the momentum, were at the steps of an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLrs:
    """The LRs of one epoch: of every group at its start, [groups], and of the first at each step, [steps].

    A group that is not in the optimizer has 0. `more` holds series of steps beside: `momentum` where it is cycled,
    `lr/<group>` of the groups beyond the first where the schedule moves by steps.
    """

    lrs: tuple[float, ...]
    step_lrs: tuple[float, ...]
    more: Mapping[str, tuple[float, ...]]


class LrCurves:
    """Takes note of each step of an epoch; `names` are those of the trial's groups, in order."""

    def __init__(self, names: Sequence[str], *, by_step: bool):
        self._names, self._by_step = names, by_step
        self._lrs: list[tuple[float, ...]] = []
        self._momenta: list[float] = []

    def note(self, lrs: tuple[float, ...], momenta: tuple[float, ...] | None) -> None:
        """Takes note of a step: LR and, where it is cycled, momentum of every group, [groups]."""
        self._lrs.append(lrs)
        if momenta is not None:
            self._momenta.append(momenta[0])

    def take(self) -> EpochLrs:
        """The LRs of the epoch; the next one begins."""
        lrs, momenta = self._lrs, self._momenta
        self._lrs, self._momenta = [], []
        more = {"momentum": tuple(momenta)} if momenta else {}
        if self._by_step:
            more |= {f"lr/{name}": tuple(row[i] for row in lrs) for i, name in enumerate(self._names) if i > 0}
        return EpochLrs(lrs=lrs[0], step_lrs=tuple(row[0] for row in lrs), more=more)
