"""NAdam, Adam with Nesterov's momentum on a schedule of its own (torch.optim.NAdam of torch 2.13)."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor
from torch.optim import NAdam as STOCK

from workers.stacked.arithmetic import add_square_, decay_scalars, decayed, lerp_, power, single
from workers.stacked.rule import Array, Chunk, Flags, Numbers, Rule, Scalars, StateTensor


def _mu(chunk: Chunk, step: Array) -> Array:
    warm = power(np.array(0.96), step * chunk.hyper["momentum_decay"])
    mu: Array = chunk.momentum * (1.0 - 0.5 * warm)
    return mu


def _numbers(chunk: Chunk) -> Numbers:
    beta2, lr, step = chunk.hyper["betas"][:, 1], chunk.lr, chunk.step
    mu, mu_next = _mu(chunk, step), _mu(chunk, step + 1)
    # Stock keeps the product in a float32 tensor.
    product = np.empty_like(lr)
    last = chunk.before["mu_product"]
    for tick, factor in enumerate(single(mu)):
        product[tick] = last = single(last * factor)
    scalars = {
        "new1": 1 - chunk.momentum,
        "old2": beta2,
        "new2": 1 - beta2,
        "correction": 1 - power(beta2, step),
        "eps": chunk.hyper["eps"],
        "of_gradient": -lr * (1.0 - mu) / (1.0 - product),
        "of_average": (-lr * mu_next) / (1.0 - product * mu_next),
        **decay_scalars(chunk),
    }
    return Numbers(scalars=scalars, after={"step": step, "mu_product": product})


def _update(flags: Flags, param: Tensor, grad: Tensor, state: Mapping[str, Tensor], s: Scalars) -> None:
    grad = decayed(flags, param, grad, s)
    average, squares = state["exp_avg"], state["exp_avg_sq"]
    lerp_(average, grad, s["new1"])
    add_square_(squares, grad, s["old2"], s["new2"])
    scale = squares.div(s["correction"]).sqrt_().add_(s["eps"])
    param.addcdiv_(grad * s["of_gradient"], scale)
    param.addcdiv_(average * s["of_average"], scale)


NADAM = Rule(
    stock=STOCK,
    state=(StateTensor(name="exp_avg"), StateTensor(name="exp_avg_sq")),
    numbers=_numbers,
    update=_update,
    first={"step": 0.0, "mu_product": 1.0},
)
