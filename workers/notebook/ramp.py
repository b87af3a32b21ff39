"""Trains a model up a ramp of LRs, the way a plain loop would, until the loss blows up."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sweeps.errors import UserError
from sweeps.rules.shape import explosion
from sweeps.rules.smoothing import smoothed
from workers.notebook.groups import GroupRatios
from workers.notebook.unchanged import own_streams
from workers.optimizers import set_mode

Loss = Callable[[Any, Any], Tensor]
Validate = Callable[[Any], float | Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What one ramp left: the loss of each step, [steps made], and what was validated, by name, [points]."""

    losses: tuple[float, ...]
    metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """How to train: what with, which groups' LRs to move, and after how many steps to validate."""

    model: nn.Module
    optimizer: Optimizer
    loss: Loss
    groups: GroupRatios
    accumulation: int
    closure: bool
    validate: Validate | None = None
    validate_at: frozenset[int] = frozenset()

    def drop_gradients(self) -> None:
        """Leaves no gradient anywhere, also in parameters that the optimizer does not know."""
        groups = self.optimizer.param_groups
        for parameter in [*self.model.parameters(), *(each for group in groups for each in group["params"])]:
            parameter.grad = None

    def run(self, lrs: Sequence[float], batches: Iterator[Any]) -> Curve:
        """Makes a step at every LR; ends before a loss that is not finite, or once the smoothed loss has diverged."""
        if not self.model.training:
            self.model.train()
        set_mode(self.optimizer, training=True)
        losses: list[float] = []
        metrics: dict[str, list[float]] = {}
        for lr in lrs:
            self.groups.set(self.optimizer, lr)
            loss = self._step([next(batches) for _ in range(self.accumulation)])
            if not math.isfinite(loss):
                break
            losses.append(loss)
            if len(losses) in self.validate_at:
                for name, value in self._validated().items():
                    metrics.setdefault(name, []).append(value)
            if _diverged(losses):
                break
        return Curve(losses=tuple(losses), metrics={name: tuple(values) for name, values in metrics.items()})

    def _step(self, batches: Sequence[Any]) -> float:
        """One update from the mean gradient of these batches; their mean loss before it."""
        found: list[Tensor] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad(set_to_none=True)
            total = torch.zeros(())
            for batch in batches:
                loss = checked(self.loss(self.model, batch)) / len(batches)
                loss.backward()  # type: ignore[no-untyped-call]
                total = total.to(loss) + loss.detach()
            found.append(total)
            return total

        if self.closure:
            self.optimizer.step(closure)  # type: ignore[arg-type]
        else:
            closure()
            self.optimizer.step()
        return float(found[0])

    @torch.no_grad()
    def _validated(self) -> dict[str, float]:
        """What the caller's function says of the model in evaluation mode; training goes on as if it had not been."""
        assert self.validate is not None
        modes = {module: module.training for module in self.model.modules()}
        self.model.eval()
        set_mode(self.optimizer, training=False)
        with own_streams():
            values = self.validate(self.model)
        set_mode(self.optimizer, training=True)
        for module, training in modes.items():
            module.training = training
        named = values if isinstance(values, Mapping) else {"loss": values}
        return {f"val/{name}": float(value) for name, value in named.items()}


def _diverged(losses: Sequence[float]) -> bool:
    """True once the smoothed loss lies four times as high as at its lowest, as in fastai."""
    return explosion(smoothed(losses)) < len(losses)


def checked(loss: Any) -> Tensor:
    """The loss, if gradients can be had from it. Raises UserError if not."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        came = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise UserError(f"loss(model, batch) gave {came}; it must give one number as a tensor: take the batch's mean")
    if not loss.requires_grad:
        raise UserError(
            "loss(model, batch) gave a tensor without gradient; compute it outside torch.no_grad() and without "
            "detach() or item(), from a model with parameters that require gradients"
        )
    return loss.reshape(())
