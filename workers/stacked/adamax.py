"""Adamax, Adam with the infinity norm (torch.optim.Adamax of torch 2.13)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Adamax as STOCK

from workers.stacked.arithmetic import decay_scalars, decayed, lerp_, power
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    beta1, step = chunk.momentum, chunk.step
    scalars = {
        "new1": 1 - beta1,
        "old2": chunk.hyper["betas"][:, 1],
        "eps": chunk.hyper["eps"],
        "minus_size": -(chunk.lr / (1 - power(beta1, step))),
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    average, largest = state["exp_avg"], state["exp_inf"]
    lerp_(average, grad, s["new1"])
    torch.maximum(largest.mul_(s["old2"]), grad.abs().add_(s["eps"]), out=largest)
    param.addcdiv_(average * s["minus_size"], largest)


ADAMAX = Rule(
    stock=STOCK,
    state=(StateTensor(name="exp_avg"), StateTensor(name="exp_inf")),
    numbers=_numbers,
    update=_update,
)
