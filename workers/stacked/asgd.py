"""Averaged SGD (torch.optim.ASGD of torch 2.13)."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor
from torch.optim import ASGD as STOCK

from workers.stacked.arithmetic import decay_scalars, decayed, lerp_, power, single
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    # A step moves with the eta and mu that the step before it left; stock keeps both in float32 tensors.
    step, lambd = chunk.step, chunk.hyper["lambd"]
    eta = single(chunk.lr / power(1 + lambd * chunk.lr * step, chunk.hyper["alpha"]))
    mu = single(1 / np.maximum(1.0, step - chunk.hyper["t0"]))
    first = np.where(chunk.before["step"] == 0, single(chunk.lr[0]), chunk.before["eta"])
    in_force = np.concatenate([first[None], eta[:-1]])
    scalars = {
        "shrink": 1 - lambd * in_force,
        "minus_eta": -in_force,
        "mu": np.concatenate([chunk.before["mu"][None], mu[:-1]]),
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": step, "eta": eta, "mu": mu})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    param.mul_(s["shrink"]).addcmul_(grad, s["minus_eta"])
    lerp_(state["ax"], param, s["mu"])


ASGD = Rule(
    stock=STOCK,
    state=(StateTensor(name="ax"),),
    numbers=_numbers,
    update=_update,
    first={"step": 0.0, "eta": 0.0, "mu": 1.0},
)
