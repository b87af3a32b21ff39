"""Adadelta (torch.optim.Adadelta of torch 2.13)."""

from collections.abc import Mapping

from torch import Tensor
from torch.optim import Adadelta as STOCK

from workers.stacked.arithmetic import add_square_, decay_scalars, decayed
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    rho = chunk.hyper["rho"]
    scalars = {
        "old": rho,
        "new": 1 - rho,
        "eps": chunk.hyper["eps"],
        "minus_lr": -chunk.lr,
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": chunk.step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    add_square_(state["square_avg"], grad, s["old"], s["new"])
    scale = state["square_avg"].add(s["eps"]).sqrt_()
    delta = state["acc_delta"].add(s["eps"]).sqrt_().div_(scale).mul_(grad)
    add_square_(state["acc_delta"], delta, s["old"], s["new"])
    param.addcmul_(delta, s["minus_lr"])


ADADELTA = Rule(
    stock=STOCK,
    state=(StateTensor(name="square_avg"), StateTensor(name="acc_delta")),
    numbers=_numbers,
    update=_update,
)
