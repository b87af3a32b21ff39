"""RMSprop, centered or not, with or without momentum (torch.optim.RMSprop of torch 2.13)."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor
from torch.optim import RMSprop as STOCK

from workers.stacked.arithmetic import add_square_, decay_scalars, decayed, lerp_
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    alpha = chunk.hyper["alpha"]
    scalars = {
        "old": alpha,
        "new": 1 - alpha,
        "eps": chunk.hyper["eps"],
        "minus_lr": -chunk.lr,
        **decay_scalars(chunk),
    }
    if "cycled" in chunk.flags:
        # Stock leaves its buffer alone in steps without a momentum.
        moving = chunk.momentum > 0
        scalars |= {
            "momentum": np.where(moving, chunk.momentum, 1.0),
            "into_buffer": np.where(moving, 1.0, 0.0),
            "of_buffer": np.where(moving, -chunk.lr, 0.0),
            "minus_lr": np.where(moving, 0.0, -chunk.lr),
        }
    elif "momentum" in chunk.flags:
        scalars |= {"momentum": chunk.momentum}
    return Numbers(scalars=scalars, after={"step": chunk.step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    squares = state["square_avg"]
    add_square_(squares, grad, s["old"], s["new"])
    if "centered" in flags:
        lerp_(state["grad_avg"], grad, s["new"])
        squares = squares.addcmul(state["grad_avg"], state["grad_avg"], value=-1)
    scale = squares.sqrt().add_(s["eps"])
    if "momentum" in flags and "cycled" not in flags:
        param.addcmul_(state["momentum_buffer"].mul_(s["momentum"]).addcdiv_(grad, scale), s["minus_lr"])
        return
    if "cycled" in flags:
        buffer = state["momentum_buffer"].mul_(s["momentum"]).addcdiv_(grad * s["into_buffer"], scale)
        param.addcmul_(buffer, s["of_buffer"])
    param.addcdiv_(grad * s["minus_lr"], scale)


RMSPROP = Rule(
    stock=STOCK,
    state=(
        StateTensor(name="square_avg"),
        StateTensor(name="momentum_buffer", flag="momentum"),
        StateTensor(name="grad_avg", flag="centered"),
    ),
    numbers=_numbers,
    update=_update,
)
