"""Convolutions of all lanes."""

import math
from collections.abc import Callable
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from workers.fused.alllanes import for_all_lanes

_LARGE = 1_000_000
"""Multiplications of one lane from which a convolution is large."""


def convolution(convolve: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """torch.nn.functional.conv1d, 2d or 3d, of which large ones are made lane by lane inside of a vmap.

    Left to itself torch 2.13 makes one convolution of as many groups, which a CPU takes twice as long for.
    """

    def mended(input: Tensor, weight: Tensor, bias: Tensor | None = None, *options: Any, **more: Any) -> Tensor:
        def lane_by_lane(*tensors: Tensor | None) -> Tensor:
            lanes = (repeat(None) if each is None else each.unbind() for each in tensors)
            return torch.stack([convolve(*own, *options, **more) for own in zip(*lanes, strict=False)])

        stride = options[0] if options else more.get("stride", 1)
        strides = stride ** (weight.dim() - 2) if isinstance(stride, int) else math.prod(stride)
        work = input.numel() // max(1, input.shape[-weight.dim() + 1]) // strides * weight.numel()
        result = for_all_lanes(lane_by_lane, input, weight, bias) if work >= _LARGE else None
        return convolve(input, weight, bias, *options, **more) if result is None else result

    return mended
