"""Linear layers of all lanes."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.fused.alllanes import for_all_lanes
from workers.products import bmm, onednn_pays

_COUNTED = 1000
"""Lanes that are reckoned with at most: of products below 4,096 multiplications torch gives oneDNN none."""


class _Linear(torch.autograd.Function):
    """values [K, N, in] times weights [K, out, in], plus biases [K, out]; by oneDNN if `wide`.

    The weights' gradient comes in their own layout. Left to itself torch gives its transpose, and putting that in its
    place takes longer than the product did.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None, wide: bool) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.wide = wide
        if bias is None:
            return bmm(values, weight.mT, wide=wide)
        # OneDNN would begin with a copy of the biases for every example.
        if wide:
            return bmm(values, weight.mT, wide=True).add_(bias.unsqueeze(1))
        return torch.baddbmm(bias.unsqueeze(1), values, weight.mT)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        [grad], (values, weight) = grads, ctx.saved_tensors
        by_values, by_weight, by_bias, _ = ctx.needs_input_grad
        return (
            bmm(grad, weight, wide=ctx.wide) if by_values else None,
            bmm(grad.mT, values, wide=ctx.wide) if by_weight else None,
            grad.sum(1) if by_bias else None,
            None,
        )


def linear(planned: int) -> Callable[..., Tensor]:
    """torch.nn.functional.linear, made for all lanes at once inside of a vmap.

    Whether its products are large follows from how many lanes are planned, not from how many there are: no lane notices
    how many others there are.
    """

    def of_a_lane(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        result = for_all_lanes(of_all_lanes, input, weight, bias)
        return F.linear(input, weight, bias) if result is None else result

    def of_all_lanes(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        (lanes, *leading, inputs), outputs = values.shape, weight.shape[1]
        examples = math.prod(leading)
        if wide := onednn_pays(min(planned, _COUNTED) * examples * inputs * outputs, values):
            # Torch would copy rows of one tensor for oneDNN, and once more in the backward pass.
            weight = weight.contiguous()
        rows = values.reshape(lanes, examples, inputs)
        result: Tensor = _Linear.apply(rows, weight, bias, wide)  # type: ignore[no-untyped-call]
        return result.view(lanes, *leading, outputs)

    return of_a_lane
