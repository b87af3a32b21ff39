"""Arithmetic that rounds as torch.optim does, step by step of the calculation."""

import math

import numpy as np
import torch
from torch import Tensor

from workers.stacked.rule import Array, Chunk, Flags, Scalars


def _pow(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except (ValueError, OverflowError):
        return math.nan


_elementwise_pow = np.frompyfunc(_pow, 2, 1)


def power(base: Array, exponent: Array | float) -> Array:
    """base ** exponent as Python computes it, NaN where Python raises: numpy's own differs in the last bit.

    >>> power(np.array([2.0, 0.25]), 0.5).tolist()
    [1.4142135623730951, 0.5]
    """
    result: Array = np.asarray(_elementwise_pow(base, exponent), dtype=np.float64)
    return result


def single(values: Array) -> Array:
    """Values rounded to float32, which the 0-d tensors of torch's optimizer states are.

    >>> float(single(np.array(0.1)))
    0.10000000149011612
    """
    return values.astype(np.float32).astype(np.float64)


def decay_scalars(chunk: Chunk) -> dict[str, Array]:
    """What `decayed` needs."""
    if "weight_decay" not in chunk.flags:
        return {}
    decay = chunk.hyper["weight_decay"]
    return {"keep": 1 - chunk.lr * decay} if "decoupled_weight_decay" in chunk.flags else {"weight_decay": decay}


def decayed(flags: Flags, param: Tensor, grad: Tensor, s: Scalars) -> Tensor:
    """The gradient with weight decay in it; decoupled decay shrinks the parameters at once instead."""
    if "weight_decay" not in flags:
        return grad
    if "decoupled_weight_decay" in flags:
        param.mul_(s["keep"])
        return grad
    return grad.addcmul(param, s["weight_decay"])


def lerp_(average: Tensor, value: Tensor, weight: Tensor) -> None:
    """Moves an average towards a value; in the weight's precision, for tensors below float32."""
    if average.dtype == value.dtype == weight.dtype:
        average.lerp_(value, weight)
    else:
        average.copy_(torch.lerp(average.to(weight.dtype), value.to(weight.dtype), weight))


def add_square_(average: Tensor, value: Tensor, old: Tensor, new: Tensor) -> None:
    """average = old * average + new * value^2."""
    average.mul_(old).addcmul_(value * new, value)
