"""What torch 2.13 does otherwise, or more slowly, under vmap than for one model, and does alike here."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


def _embedding(indices: Tensor, weight: Tensor, padding_idx: int | None = None, *options: Any, **more: Any) -> Tensor:
    """No gradient reaches the padding row: under vmap torch spares that of the first lane alone, without a word."""
    found = F.embedding(indices, weight, None, *options, **more)
    if padding_idx is None:
        return found
    return torch.where((indices == padding_idx % weight.shape[0]).unsqueeze(-1), found.detach(), found)


def _dropout(values: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Draws in the order in which the values lie in memory, which vmap forgets; a GPU has its own way."""
    if values.is_cuda or not training or not 0 < p < 1:
        return F.dropout(values, p, training, inplace)
    noise = torch.empty_like(values).bernoulli_(1 - p).div_(1 - p)
    return values.mul_(noise) if inplace else values * noise


def _cross_entropy(input: Tensor, target: Tensor, *options: Any, **more: Any) -> Tensor:
    """The mean over labels, as torch breaks it down under vmap, which for that loads sympy, and waits a second."""
    plain = not options and all(more.get(name, default) == default for name, default in _CROSS_ENTROPY.items())
    if not plain or input.dim() != 2 or target.is_floating_point():
        return F.cross_entropy(input, target, *options, **more)
    counts: Tensor = target != more.get("ignore_index", -100)
    losses = -F.log_softmax(input, 1).gather(1, torch.where(counts, target, 0).unsqueeze(1)).squeeze(1)
    return torch.where(counts, losses, 0.0).sum() / counts.sum()


class _LaneByLane(torch.autograd.Function):
    """An operation on tensors of a lane each, made for one lane after the other."""

    @staticmethod
    def forward(operation: Callable[..., Tensor], *tensors: Tensor | None) -> Tensor:
        return operation(*tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is kept: gradients go through what `vmap` calls."""

    @staticmethod
    def vmap(
        info: Any, dims: tuple[int | None, ...], operation: Callable[..., Tensor], *tensors: Tensor | None
    ) -> tuple[Tensor, int]:
        lanes = [
            [each] * info.batch_size if each is None or dim is None else each.movedim(dim, 0).unbind()
            for each, dim in zip(tensors, dims[1:], strict=True)
        ]
        return torch.stack([operation(*own) for own in zip(*lanes, strict=True)]), 0


def _convolution(convolve: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Large ones lane by lane: under vmap all become one with as many groups, which a CPU takes twice as long for."""

    def mended(values: Tensor, weight: Tensor, bias: Tensor | None = None, *options: Any, **more: Any) -> Tensor:
        stride = options[0] if options else more.get("stride", 1)
        strides = math.prod(stride) if isinstance(stride, tuple) else stride ** (weight.dim() - 2)
        work = values.numel() // max(1, values.shape[-weight.dim() + 1]) // strides * weight.numel()
        if values.is_cuda or work < _LARGE or torch.compiler.is_compiling():
            return convolve(values, weight, bias, *options, **more)
        own = partial(_called, convolve, options, more)
        result: Tensor = _LaneByLane.apply(own, values, weight, bias)  # type: ignore[no-untyped-call]
        return result

    return mended


def _called(convolve: Callable[..., Tensor], options: Any, more: Any, *tensors: Tensor | None) -> Tensor:
    return convolve(*tensors, *options, **more)


_LARGE = 1_000_000
"""Multiplications of one lane from which a convolution is large."""
_CROSS_ENTROPY: Mapping[str, Any] = {
    "weight": None,
    "size_average": None,
    "reduce": None,
    "reduction": "mean",
    "label_smoothing": 0.0,
}
"""What stands for a mean over labels."""
_MENDED: Mapping[Any, Callable[..., Tensor]] = {
    F.embedding: _embedding,
    F.dropout: _dropout,
    F.cross_entropy: _cross_entropy,
    **{convolve: _convolution(convolve) for convolve in (F.conv1d, F.conv2d, F.conv3d)},
}


class _Mended(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _MENDED.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def mended() -> Iterator[None]:
    """Runs what is vmapped as it would run alone."""
    # The quick way through transformers in evaluation knows neither lanes nor, under vmap, that gradients are wanted.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _Mended():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
