"""RAdam, Adam whose first steps go without the squares' average (torch.optim.RAdam of torch 2.13)."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.optim import RAdam as STOCK

from workers.stacked.arithmetic import add_square_, decay_scalars, decayed, lerp_, power
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    beta1, beta2, step = chunk.momentum, chunk.hyper["betas"][:, 1], chunk.step
    correction2 = 1 - power(beta2, step)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * power(beta2, step) / correction2
    rectified = length > 5.0
    ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    scalars = {
        "new1": 1 - beta1,
        "old2": beta2,
        "new2": 1 - beta2,
        "correction1": 1 - power(beta1, step),
        "lr": chunk.lr,
        "eps": chunk.hyper["eps"],
        "root_correction": power(correction2, 0.5),
        "rectified": np.where(rectified, 1.0, 0.0),
        "rectification": power(np.where(rectified, ratio, 1.0), 0.5),
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    average, squares = state["exp_avg"], state["exp_avg_sq"]
    lerp_(average, grad, s["new1"])
    add_square_(squares, grad, s["old2"], s["new2"])
    adaptive = squares.sqrt().add_(s["eps"]).reciprocal_().mul_(s["root_correction"])
    adaptive = torch.where(s["rectified"] != 0, adaptive, 1.0)
    param.sub_(average.div(s["correction1"]).mul_(s["lr"]).mul_(adaptive).mul_(s["rectification"]))


RADAM = Rule(
    stock=STOCK,
    state=(StateTensor(name="exp_avg"), StateTensor(name="exp_avg_sq")),
    numbers=_numbers,
    update=_update,
)
