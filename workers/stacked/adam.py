"""Adam, with AMSGrad and both kinds of weight decay, and AdamW (torch.optim.Adam of torch 2.13)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Adam as STOCK
from torch.optim import AdamW as STOCK_ADAMW

from workers.stacked.arithmetic import add_square_, decay_scalars, decayed, lerp_, power
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    beta1, beta2, step = chunk.momentum, chunk.hyper["betas"][:, 1], chunk.step
    scalars = {
        "new1": 1 - beta1,
        "old2": beta2,
        "new2": 1 - beta2,
        "root_correction": power(1 - power(beta2, step), 0.5),
        "eps": chunk.hyper["eps"],
        "minus_size": -(chunk.lr / (1 - power(beta1, step))),
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    average, squares = state["exp_avg"], state["exp_avg_sq"]
    lerp_(average, grad, s["new1"])
    add_square_(squares, grad, s["old2"], s["new2"])
    if "amsgrad" in flags:
        squares = torch.maximum(state["max_exp_avg_sq"], squares, out=state["max_exp_avg_sq"])
    scale = squares.sqrt().div_(s["root_correction"]).add_(s["eps"])
    param.addcdiv_(average * s["minus_size"], scale)


_STATE = (
    StateTensor(name="exp_avg"),
    StateTensor(name="exp_avg_sq"),
    StateTensor(name="max_exp_avg_sq", flag="amsgrad"),
)
ADAM = Rule(stock=STOCK, state=_STATE, numbers=_numbers, update=_update)
ADAMW = Rule(stock=STOCK_ADAMW, state=_STATE, numbers=_numbers, update=_update)
