"""One recurrent layer of all lanes in one direction, step by step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

State = tuple[Tensor, ...]
"""What a cell keeps from step to step, [..., B, H]: its output, and an LSTM's memory beside it."""
Cell = Callable[[Tensor, Tensor, State], State]
"""The next state: of the gates [..., B, G] as the input has them, as the last output has them, and the last state."""


def lstm(given: Tensor, kept: Tensor, state: State) -> State:
    """Hochreiter and Schmidhuber's cell, in torch's order of gates."""
    take, keep, new, out = (given + kept).chunk(4, -1)
    memory = keep.sigmoid() * state[1] + take.sigmoid() * new.tanh()
    return out.sigmoid() * memory.tanh(), memory


def gru(given: Tensor, kept: Tensor, state: State) -> State:
    """Cho's cell as torch has it: the reset gate works on what comes of the last output, not on that output."""
    (reset, keep, new), (own_reset, own_keep, own_new) = given.chunk(3, -1), kept.chunk(3, -1)
    new = (new + (reset + own_reset).sigmoid() * own_new).tanh()
    return (new + (keep + own_keep).sigmoid() * (state[0] - new),)


def tanh(given: Tensor, kept: Tensor, state: State) -> State:
    """Elman's cell."""
    return ((given + kept).tanh(),)


def relu(given: Tensor, kept: Tensor, state: State) -> State:
    """Elman's cell with a rectifier."""
    return ((given + kept).relu(),)


def recur(cell: Cell, given: Tensor, weight: Tensor, bias: Tensor | None, *state: Tensor) -> tuple[Tensor, ...]:
    """All outputs [K, T, B, H] and the last state, each [K, B, H].

    Of the input's gates [K, T, B, G], the weights [K, G, H] and biases [K, G] of the last output, and the first state.
    """
    made: tuple[Tensor, ...] = _Recurrence.apply(  # type: ignore[no-untyped-call]
        cell, torch.is_grad_enabled(), given, weight, bias, *state
    )
    return made


class _Recurrence(torch.autograd.Function):
    """Its weights' gradient is one product over all steps, where autograd would add up a product of every step."""

    @staticmethod
    def forward(
        ctx: Any, cell: Cell, training: bool, given: Tensor, weight: Tensor, bias: Tensor | None, *state: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.steps, ctx.weight, ctx.has_bias = [], weight, bias is not None
        outputs = [state[0]]
        for gates in given.unbind(1):
            kept = _product(state[0], weight.mT, bias)
            with torch.set_grad_enabled(training):
                taken = [each.detach().requires_grad_(training) for each in (gates, kept, *state)]
                made = cell(taken[0], taken[1], tuple(taken[2:]))
            if training:
                ctx.steps.append((taken, made))
            state = tuple(each.detach() for each in made)
            outputs.append(state[0])
        ctx.outputs = outputs[:-1]
        return torch.stack(outputs[1:], 1), *(each.clone() for each in state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_outputs: Tensor, *by_state: Tensor) -> tuple[Tensor | None, ...]:
        by_gates, by_kept = [], []
        for (taken, made), by_output in zip(reversed(ctx.steps), reversed(by_outputs.unbind(1)), strict=True):
            by_made = (by_state[0] + by_output, *by_state[1:])
            grads = torch.autograd.grad(made, taken, by_made, materialize_grads=True, allow_unused=True)
            by_gates.append(grads[0])
            by_kept.append(grads[1])
            by_state = torch.baddbmm(grads[2], grads[1], ctx.weight), *grads[3:]
        kept = torch.stack(by_kept[::-1], 1).flatten(1, 2)
        by_weight = torch.bmm(kept.mT, torch.stack(ctx.outputs, 1).flatten(1, 2))
        by_bias = kept.sum(1) if ctx.has_bias else None
        return None, None, torch.stack(by_gates[::-1], 1), by_weight, by_bias, *by_state


def _product(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.bmm(values, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), values, weight)
