"""One recurrent layer of all lanes in one direction, step by step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Cell = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The next output [..., B, H]: of the gates [..., B, G] as the input and as the last output have them, and of that."""


def gru(given: Tensor, kept: Tensor, last: Tensor) -> Tensor:
    """Cho's cell as torch has it: the reset gate works on what comes of the last output, not on that output."""
    (reset, keep, new), (own_reset, own_keep, own_new) = given.chunk(3, -1), kept.chunk(3, -1)
    new = (new + (reset + own_reset).sigmoid() * own_new).tanh()
    return new + (keep + own_keep).sigmoid() * (last - new)


def tanh(given: Tensor, kept: Tensor, last: Tensor) -> Tensor:
    """Elman's cell."""
    return (given + kept).tanh()


def relu(given: Tensor, kept: Tensor, last: Tensor) -> Tensor:
    """Elman's cell with a rectifier."""
    return (given + kept).relu()


def recur(cell: Cell, given: Tensor, weight: Tensor, bias: Tensor | None, first: Tensor) -> Tensor:
    """All outputs [K, T, B, H].

    Of the input's gates [K, T, B, G], weights [K, G, H] and biases [K, G] for the last output, and the first [K, B, H].
    """
    made: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
        cell, torch.is_grad_enabled(), given, weight, bias, first
    )
    return made


class _Recurrence(torch.autograd.Function):
    """Its weights' gradient is one product over all steps, where autograd would add up a product of every step."""

    @staticmethod
    def forward(
        ctx: Any, cell: Cell, training: bool, given: Tensor, weight: Tensor, bias: Tensor | None, first: Tensor
    ) -> Tensor:
        ctx.steps, ctx.weight, ctx.has_bias = [], weight, bias is not None
        outputs = [first]
        for gates in given.unbind(1):
            last = outputs[-1]
            kept = _product(last, weight.mT, bias)
            with torch.set_grad_enabled(training):
                taken = [each.detach().requires_grad_(training) for each in (gates, kept, last)]
                made = cell(*taken)
            if training:
                ctx.steps.append((taken, made))
            outputs.append(made.detach())
        ctx.last = outputs[:-1]
        return torch.stack(outputs[1:], 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_outputs: Tensor) -> tuple[Tensor | None, ...]:
        by_gates, by_kept = [], []
        by_last = torch.zeros_like(ctx.last[0])
        for (taken, made), by_output in zip(reversed(ctx.steps), reversed(by_outputs.unbind(1)), strict=True):
            gates, kept, last = torch.autograd.grad(
                made, taken, by_last + by_output, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            by_gates.append(gates)
            by_kept.append(kept)
            by_last = torch.baddbmm(last, kept, ctx.weight)
        kept = torch.stack(by_kept[::-1], 1).flatten(1, 2)
        by_weight = torch.bmm(kept.mT, torch.stack(ctx.last, 1).flatten(1, 2))
        by_bias = kept.sum(1) if ctx.has_bias else None
        return None, None, torch.stack(by_gates[::-1], 1), by_weight, by_bias, by_last


def _product(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.bmm(values, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), values, weight)
