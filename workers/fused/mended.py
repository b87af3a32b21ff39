"""What torch 2.13 does otherwise, or more slowly, under vmap than for one model, and does alike here."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import get_unwrapped, is_batchedtensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from workers.fused.convolution import convolution
from workers.fused.crossentropy import cross_entropy
from workers.fused.linear import linear
from workers.fused.normalization import batch_norm
from workers.fused.pooling import max_pool
from workers.fused.recurrent import recurrent


def _embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, *options: Any, **more: Any) -> Tensor:
    """No gradient reaches the padding row: under vmap torch spares that of the first lane alone, without a word."""
    found = F.embedding(input, weight, None, *options, **more)
    if padding_idx is None:
        return found
    return torch.where((input == padding_idx % weight.shape[0]).unsqueeze(-1), found.detach(), found)


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Draws in the order in which the values lie in memory, which vmap forgets; a GPU has its own way."""
    if input.is_cuda or not training or not 0 < p < 1:
        return F.dropout(input, p, training, inplace)
    noise = torch.empty_like(input).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise


def _requires_grad(values: Tensor) -> bool:
    """As of the lanes' tensors behind the vmap, which itself says no of each: a penalty may ask what trains."""
    while is_batchedtensor(values):
        values = get_unwrapped(values)
    return values.requires_grad


@cache
def _operations(planned: int) -> Mapping[Any, Callable[..., Any]]:
    return {
        Tensor.requires_grad.__get__: _requires_grad,  # type: ignore[attr-defined]
        F.embedding: _embedding,
        F.dropout: _dropout,
        F.batch_norm: batch_norm,
        F.cross_entropy: cross_entropy,
        F.linear: linear(planned),
        **recurrent(linear(planned), _dropout),
        **{convolve: convolution(convolve) for convolve in (F.conv1d, F.conv2d, F.conv3d)},
        **{pool: max_pool(pool) for pool in (F.max_pool1d, F.max_pool2d, F.max_pool3d)},
    }


class _Mended(TorchFunctionMode):
    def __init__(self, planned: int):
        super().__init__()
        self._operations = _operations(planned)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._operations.get(func, func)(*args, **(kwargs or {}))


def mended(planned: int = 1) -> AbstractContextManager[object]:
    """Runs what is vmapped as it would run alone; as is quickest for as many lanes as are planned.

    Torch's quick way through transformers in evaluation, which knows no lanes, is off under any mode of this kind.
    """
    return _Mended(planned)
