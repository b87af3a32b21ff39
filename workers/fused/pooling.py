"""Max pooling of all lanes."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from operator import ge
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workers.fused.alllanes import for_all_lanes

_aten = torch.ops.aten
_FORWARD: Mapping[int, Any] = {2: _aten.max_pool2d_with_indices, 3: _aten.max_pool3d_with_indices}
_BACKWARD: Mapping[int, Any] = {2: _aten.max_pool2d_with_indices_backward, 3: _aten.max_pool3d_with_indices_backward}
"""Torch's own, by the axes of a window."""
_AXES: Mapping[Any, int] = {F.max_pool1d: 1, F.max_pool2d: 2, F.max_pool3d: 3}
_TILED: Mapping[str, Any] = {"padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False}
"""What stands for windows that lie side by side within the plane."""
_Kernel = tuple[int, ...]


def max_pool(pool: Callable[..., Any]) -> Callable[..., Any]:
    """torch.nn.functional.max_pool1d, 2d or 3d, made for all lanes at once inside of a vmap.

    Windows that do not overlap are compared by element-wise maxima: torch 2.13 looks at value by value on a CPU and
    takes three times as long. A window's gradient goes where torch sends it: to the first of its largest values, or to
    its last NaN. Only the sign of a zero is not looked at.
    """
    axes = _AXES[pool]

    def pooled(values: Tensor, kernel_size: Any, stride: Any = None, *options: Any, **more: Any) -> Any:
        kernel = _each(kernel_size, axes)
        given = {**dict(zip(_TILED, options, strict=False)), **more}
        tiled = all(_each(given.get(name, fit), axes) == (fit,) * axes for name, fit in _TILED.items())
        tiled = tiled and (not stride or _each(stride, axes) == kernel)
        result = None
        if tiled and values.is_floating_point() and all(map(ge, values.shape[-axes:], kernel)):
            result = for_all_lanes(partial(_pooled, kernel), values)
        return pool(values, kernel_size, stride, *options, **more) if result is None else result

    return pooled


def _each(option: Any, axes: int) -> tuple[Any, ...]:
    """An option of every axis."""
    given = tuple(option) if isinstance(option, tuple | list) else (option,)
    return given * axes if len(given) == 1 else given


def _pooled(kernel: _Kernel, values: Tensor) -> Tensor:
    if len(kernel) == 1:
        return _pooled((1, *kernel), values.unsqueeze(-2)).squeeze(-2)
    largest: Tensor = _Windows.apply(values.flatten(0, -len(kernel) - 2), kernel)  # type: ignore[no-untyped-call]
    return largest.view(*values.shape[: -len(kernel)], *largest.shape[-len(kernel) :])


class _Windows(torch.autograd.Function):
    """The largest value of every window of values [N, C, ...]."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, kernel: _Kernel) -> Tensor:
        largest, places = _largest(values, kernel)
        # The sum is NaN if one of them is, and seldom else.
        if largest.sum().isnan():
            largest, places = _FORWARD[len(kernel)](values, kernel)
        ctx.kernel = kernel
        ctx.save_for_backward(values, places)
        return largest

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        [grad], (values, places), kernel = grads, ctx.saved_tensors, ctx.kernel
        zeros, ones = (0,) * len(kernel), (1,) * len(kernel)
        return _BACKWARD[len(kernel)](grad, values, kernel, kernel, zeros, ones, False, places.long()), None


def _largest(values: Tensor, kernel: _Kernel) -> tuple[Tensor, Tensor]:
    """The largest value of every window without NaN, and its place in the plane, counted row by row.

    >>> values, places = _largest(torch.tensor([[0.0, 2.0, 1.0, 5.0], [2.0, 0.0, 4.0, 3.0]]), (2, 2))
    >>> values.tolist(), places.tolist()
    ([[2.0, 5.0]], [[1, 3]])
    """
    plane = values.shape[-len(kernel) :]
    small = torch.int16 if math.prod(plane) <= torch.iinfo(torch.int16).max else torch.int32
    places = torch.arange(math.prod(plane), dtype=small).view(plane)
    for axis, size in zip(range(-1, -len(kernel) - 1, -1), reversed(kernel), strict=True):
        largest, place = _every(size, 0, axis, values), _every(size, 0, axis, places).contiguous()
        for start in range(1, size):
            other, at = _every(size, start, axis, values), _every(size, start, axis, places).contiguous()
            # What is later in a window has the larger number.
            place = torch.maximum(place, at * (other > largest))
            largest = torch.maximum(other, largest)
        values, places = largest, place
    return values, places.expand(values.shape)


def _every(size: int, start: int, axis: int, tensor: Tensor) -> Tensor:
    """One position of all windows along an axis, which is counted from the end; what no window covers is left out."""
    covered = tensor.shape[axis] // size * size
    return tensor.movedim(axis, -1)[..., start:covered:size].movedim(-1, axis)
