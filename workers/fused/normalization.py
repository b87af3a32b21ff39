"""Batch normalization of all lanes."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.fused.alllanes import for_all_lanes


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *options: Any,
    **more: Any,
) -> Tensor:
    """torch.nn.functional.batch_norm, made lane by lane inside of a vmap.

    Vmap takes the lanes' channels for those of one model, and leaves them side by side in memory: how sums over
    examples round would depend on how many lanes there are.
    """

    def of_all_lanes(values: Tensor, *others: Tensor | None) -> Tensor:
        lanes = len(values)
        of_each = ([None] * lanes if each is None else each.unbind() for each in (values, *others))
        return torch.stack([F.batch_norm(*own, *options, **more) for own in zip(*of_each, strict=True)])

    tensors = (input, running_mean, running_var, weight, bias)
    result = for_all_lanes(of_all_lanes, *tensors)
    return F.batch_norm(*tensors, *options, **more) if result is None else result
