"""SGD with momentum, dampening and Nesterov's variant (torch.optim.SGD of torch 2.13)."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor
from torch.optim import SGD as STOCK

from workers.stacked.arithmetic import decay_scalars, decayed
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    # Stock starts its buffer at the first step with a momentum, and leaves it alone in steps without one.
    moving = chunk.momentum != 0
    step = chunk.before["step"] + np.cumsum(moving, axis=0)
    going = step > 1
    scalars = {"minus_lr": -chunk.lr, **decay_scalars(chunk)}
    if "momentum" in chunk.flags:
        scalars |= {
            "old": np.where(moving, np.where(going, chunk.momentum, 0.0), 1.0),
            "new": np.where(moving, np.where(going, 1 - chunk.hyper["dampening"], 1.0), 0.0),
        }
    if "nesterov" in chunk.flags:
        scalars |= {"momentum": chunk.momentum}
    elif "cycled" in chunk.flags:
        scalars |= {"of_buffer": np.where(moving, -chunk.lr, 0.0), "minus_lr": np.where(moving, 0.0, -chunk.lr)}
    return Numbers(scalars=scalars, after={"step": step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    if "momentum" in flags:
        buffer = state["momentum_buffer"].mul_(s["old"]).addcmul_(grad, s["new"])
        if "nesterov" in flags:
            grad = grad.addcmul(buffer, s["momentum"])
        elif "cycled" in flags:
            param.addcmul_(buffer, s["of_buffer"])
        else:
            grad = buffer
    param.addcmul_(grad, s["minus_lr"])


SGD = Rule(
    stock=STOCK,
    state=(StateTensor(name="momentum_buffer", flag="momentum"),),
    numbers=_numbers,
    update=_update,
    counts=False,
)
