"""What an update rule for stacked lanes is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

Array: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = frozenset[str]
Group: TypeAlias = Mapping[str, Any]
"""The hyperparameters of one lane, as a param group of the stock optimizer holds them, without its parameters."""

_BRANCHES = ("weight_decay", "decoupled_weight_decay", "momentum", "nesterov", "amsgrad", "centered")
"""The hyperparameters that decide which operations torch runs: it skips those whose value is 0 or False."""


def flags_of(group: Group, *, cycled: bool = False) -> Flags:
    """The branches that torch takes with these hyperparameters: lanes of one slice take the same.

    `cycled` says that a schedule changes the momentum; a changing first beta changes no branch.

    >>> sorted(flags_of({"lr": 0.1, "momentum": 0.9, "weight_decay": 0, "nesterov": True}))
    ['momentum', 'nesterov']
    >>> sorted(flags_of({"lr": 0.1, "momentum": 0}, cycled=True))
    ['cycled', 'momentum']
    """
    taken = frozenset(name for name in _BRANCHES if group.get(name))
    return taken | {"momentum", "cycled"} if cycled and "momentum" in group else taken


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTensor:
    """A tensor of the optimizer's state, as large as the parameters, under torch's own name."""

    name: str
    flag: str | None = None
    """Only lanes with this flag have it."""
    first: str | None = None
    """The hyperparameter that it is filled with before the first step; 0 if None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What the host knows of the next T steps of k lanes."""

    flags: Flags
    hyper: Mapping[str, Array]
    """By torch's names, [k]; of a pair, [k, 2]."""
    lr: Array
    """[T, k]."""
    momentum: Array
    """Momentum or first beta, [T, k]; zeros for a rule without either."""
    before: Mapping[str, Array]
    """The numbers that stock keeps beside its tensors, as the steps done have left them, [k]."""

    @property
    def step(self) -> Array:
        """The count of each step, from 1, [T, k]."""
        return self.before["step"] + np.arange(1.0, len(self.lr) + 1)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the host computes for a chunk."""

    scalars: Mapping[str, Array]
    """What the update multiplies with and adds, each of a shape that broadcasts to [T, k]."""
    after: Mapping[str, Array]
    """Chunk.before as it is after each step, [T, k]."""


Scalars: TypeAlias = Mapping[str, Tensor]
"""One step's scalars, each [k, 1]."""
Update: TypeAlias = Callable[[Flags, Tensor, Tensor, Mapping[str, Tensor], Scalars], None]
"""Steps parameters [k, P] and state tensors [k, P] in place on gradients [k, P], which it leaves alone.

It branches on the flags alone and never waits for a device, so torch.compile takes it whole.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One optimizer's update for many lanes, with the operations of torch 2.13's single-tensor implementation."""

    stock: type[Optimizer]
    state: tuple[StateTensor, ...]
    numbers: Callable[[Chunk], Numbers]
    update: Update
    first: Mapping[str, float] = field(default_factory=lambda: {"step": 0.0})
    """The numbers that stock keeps beside its tensors, before the first step; `step` is 0 while there is no state."""
    counts: bool = True
    """Stock's state holds the step count."""
    from_start: bool = False
    """Stock has its state before the first step."""

    def tensors(self, flags: Flags) -> tuple[StateTensor, ...]:
        """The state tensors of lanes with these flags."""
        return tuple(each for each in self.state if each.flag is None or each.flag in flags)
