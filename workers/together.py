"""Two optimizers that look like one: each steps its own param groups, schedules and checkpoints see them all."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

Split = Callable[[Sequence[nn.Parameter]], Sequence[list[nn.Parameter]]]
"""Deals parameters out: one list, maybe empty, for each optimizer."""


class Together(Optimizer):
    """Optimizers side by side in one trial; `param_groups` are their own groups, in the order in which they came.

    A group that is added later is dealt out between them by `split`, with its own LR and hyperparameters.
    """

    def __init__(self, parts: Sequence[Optimizer], split: Split):
        self._parts, self._split = tuple(parts), split
        self._order: list[tuple[int, int]] | None = None
        super().__init__([{"params": list(group["params"])} for part in parts for group in part.param_groups], {})
        self.defaults = parts[0].defaults
        self._order = [(p, g) for p, part in enumerate(parts) for g in range(len(part.param_groups))]
        self._share()

    def _share(self) -> None:
        """Takes the parts' groups themselves, no copies: an LR that a schedule sets here is the part's LR."""
        assert self._order is not None
        self.param_groups = [self._parts[part].param_groups[group] for part, group in self._order]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds one group for each part that some of these parameters belong to."""
        if self._order is None:
            super().add_param_group(param_group)
            return
        params = param_group["params"]
        dealt = self._split([params] if isinstance(params, nn.Parameter) else list(params))
        for index, (part, own) in enumerate(zip(self._parts, dealt, strict=True)):
            if own:
                known = {key: value for key, value in param_group.items() if key in part.defaults}
                part.add_param_group({**known, "params": own})
                self._order.append((index, len(part.param_groups) - 1))
        self._share()

    def step(self, closure: Any = None) -> Any:
        """One step of every part, on the gradients that are there."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The parts' states, in their order."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from the parts' states."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()
