"""Rprop, which looks at the gradients' signs alone (torch.optim.Rprop of torch 2.13)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.optim import Rprop as STOCK

from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    etas, sizes = chunk.hyper["etas"], chunk.hyper["step_sizes"]
    scalars = {"down": etas[:, 0], "up": etas[:, 1], "smallest": sizes[:, 0], "largest": sizes[:, 1]}
    return Numbers(scalars=scalars, after={"step": chunk.step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    sign = grad.mul(state["prev"]).sign_()
    turned = sign < 0
    factor = torch.where(sign > 0, s["up"], torch.where(turned, s["down"], 1.0))
    size = state["step_size"].mul_(factor).clamp_(s["smallest"], s["largest"])
    state["prev"].copy_(torch.where(turned, 0.0, grad))
    param.addcmul_(state["prev"].sign(), size, value=-1)


RPROP = Rule(
    stock=STOCK,
    state=(StateTensor(name="prev"), StateTensor(name="step_size", first="lr")),
    numbers=_numbers,
    update=_update,
)
