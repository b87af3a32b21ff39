"""The LRs of an optimizer's param groups on a ramp: all at the ratios that they have, or one while the others stay."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from sweeps.errors import UserError


@dataclass(frozen=True, slots=True)
class GroupRatios:
    """What the LR of each group is multiplied by, [groups]; None for a group that stays at its own LR."""

    ratios: tuple[float | None, ...]

    @classmethod
    def of(cls, optimizer: Optimizer, group: int | None) -> "GroupRatios":
        """Ratios to the first group's LR; or 1 for the one group that is tested, by its index, alone.

        The LR that counts is the initial one where a scheduler has written that down: a warm-up may stand at 0.
        Raises UserError for a group that is not there, and for one without an LR to keep the ratio to.
        """
        groups = optimizer.param_groups
        if any("lr" not in each for each in groups):
            raise UserError(
                f"{type(optimizer).__name__} has a param group without an 'lr', so there is nothing to test"
            )
        if group is not None:
            if group not in range(len(groups)):
                raise UserError(f"group is {group!r}, and the optimizer has {len(groups)}; give 0 to {len(groups) - 1}")
            return cls(tuple(1.0 if index == group else None for index in range(len(groups))))
        lrs = [float(each.get("initial_lr", each["lr"])) for each in groups]
        if len(lrs) > 1 and lrs[0] <= 0:
            raise UserError(
                f"the first of {len(lrs)} param groups has the LR {lrs[0]:g}, so the others have no ratio to it; "
                "give it an LR above 0, or say which group to test by `group`"
            )
        return cls((1.0, *(lr / lrs[0] for lr in lrs[1:])))

    def lrs(self, lr: float) -> tuple[float | None, ...]:
        """The LR of each group, [groups], where the tested LR is this."""
        return tuple(None if ratio is None else lr * ratio for ratio in self.ratios)

    def set(self, optimizer: Optimizer, lr: float) -> None:
        """Writes the LRs into the optimizer; one that is a tensor stays that tensor."""
        for group, own in zip(optimizer.param_groups, self.lrs(lr), strict=True):
            if own is not None:
                _write(group, own)


def _write(group: dict[str, Any], lr: float) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr
