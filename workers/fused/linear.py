"""Linear layers of all lanes."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.fused.alllanes import for_all_lanes


class _Linear(torch.autograd.Function):
    """values [K, N, in] times weights [K, out, in], plus biases [K, out].

    The weights' gradient comes in their own layout. Left to itself torch gives its transpose, and putting that in its
    place takes longer than the product did.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(values, weight)
        if bias is None:
            return torch.bmm(values, weight.mT)
        return torch.baddbmm(bias.unsqueeze(1), values, weight.mT)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        [grad], (values, weight) = grads, ctx.saved_tensors
        by_values, by_weight, by_bias = ctx.needs_input_grad
        return (
            torch.bmm(grad, weight) if by_values else None,
            torch.bmm(grad.mT, values) if by_weight else None,
            grad.sum(1) if by_bias else None,
        )


def linear(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """torch.nn.functional.linear, made for all lanes at once inside of a vmap."""
    result = for_all_lanes(_linear, values, weight, bias)
    return F.linear(values, weight, bias) if result is None else result


def _linear(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    lanes, *leading, inputs = values.shape
    rows = values.reshape(lanes, math.prod(leading), inputs)
    result: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return result.view(lanes, *leading, weight.shape[1])
