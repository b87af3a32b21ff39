"""Several optimizers that look like one: each steps its own param groups, schedules and checkpoints see them all."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.optim import Optimizer

LANE_GROUP = "lane_group"
"""The key under which a param group says which of the trial's groups it belongs to, from 0."""

Deal = Callable[[dict[str, Any]], Mapping[str, Optimizer]]
"""Deals one param group out: an optimizer by name, made for it alone, over each part of its parameters."""


def join(optimizer: Optimizer, made: Optimizer) -> None:
    """Adds the param groups of an optimizer that was `made` alike, with the state that it gave them."""
    if isinstance(optimizer, Together) and isinstance(made, Together):
        optimizer.take(made.parts)
        return
    for group in made.param_groups:
        optimizer.add_param_group(group)
    # Adagrad makes its state in its constructor and would have none for a group that is added later.
    optimizer.state.update(made.state)


class Together(Optimizer):
    """Optimizers side by side in one trial; `param_groups` are their own groups, in the order in which they came.

    Every group, a later one too, is dealt out between them by `deal`; the parts of one share its `lane_group`.
    """

    def __init__(self, deal: Deal, groups: Iterable[dict[str, Any]]):
        self.parts: dict[str, Optimizer] = {}
        self._deal = deal
        self._order: list[tuple[str, int]] = []
        super().__init__(groups, {})
        self.defaults = next(iter(self.parts.values())).defaults

    def take(self, made: Mapping[str, Optimizer]) -> None:
        """Adds the groups of these optimizers to those of the same names."""
        for name, part in made.items():
            known = len(self.parts[name].param_groups) if name in self.parts else 0
            if known:
                join(self.parts[name], part)
            else:
                self.parts[name] = part
            self._order += [(name, known + index) for index in range(len(part.param_groups))]
        self._share()

    def _share(self) -> None:
        """Takes the parts' groups themselves, no copies: an LR that a schedule sets here is the part's LR."""
        self.param_groups = [self.parts[name].param_groups[index] for name, index in self._order]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds one group for each part that some of these parameters belong to."""
        index = 1 + max((group[LANE_GROUP] for group in self.param_groups), default=-1)
        self.take(self._deal({LANE_GROUP: index, **param_group}))

    def step(self, closure: Any = None) -> Any:
        """One step of every part, on the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts.values():
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The parts' states, by name."""
        return {"parts": {name: part.state_dict() for name, part in self.parts.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from the parts' states."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict["parts"][name])
        self._share()
