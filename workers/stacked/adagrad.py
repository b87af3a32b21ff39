"""Adagrad (torch.optim.Adagrad of torch 2.13)."""

from collections.abc import Mapping

from torch import Tensor
from torch.optim import Adagrad as STOCK

from workers.stacked.arithmetic import decay_scalars, decayed
from workers.stacked.rule import Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _numbers(chunk: Chunk) -> Numbers:
    scalars = {
        "minus_size": -(chunk.lr / (1 + (chunk.step - 1) * chunk.hyper["lr_decay"])),
        "eps": chunk.hyper["eps"],
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": chunk.step})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    scale = state["sum"].addcmul_(grad, grad).sqrt().add_(s["eps"])
    param.addcdiv_(grad * s["minus_size"], scale)


ADAGRAD = Rule(
    stock=STOCK,
    state=(StateTensor(name="sum", first="initial_accumulator_value"),),
    numbers=_numbers,
    update=_update,
    from_start=True,
)
