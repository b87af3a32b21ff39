"""The oracle: one stock torch.optim optimizer a lane, and a table of hyperparameters for every rule."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workers.stacked.optimizer import StackedOptimizer
from workers.stacked.rule import Array, Flags, flags_of
from workers.stacked.rules import RULES, stock_group

SHAPES = tuple(map(torch.Size, ((3, 4), (4,), (2,))))
SIZE = sum(shape.numel() for shape in SHAPES)

_BETAS = ((0.9, 0.999), (0.5, 0.9), (0.0, 0.0), (0.95, 0.99))
_DECAYS = (0, 0.01, 0.2)
_BOTH = (False, True)
TABLE: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "SGD": {
        "momentum": (0, 0.9, 0.5),
        "dampening": (0, 0.3),
        "weight_decay": _DECAYS,
        "nesterov": _BOTH,
    },
    "Adam": {
        "betas": _BETAS,
        "eps": (1e-8, 1e-2),
        "weight_decay": _DECAYS,
        "amsgrad": _BOTH,
        "decoupled_weight_decay": _BOTH,
    },
    "AdamW": {"betas": _BETAS, "weight_decay": _DECAYS, "amsgrad": _BOTH},
    "Adamax": {"betas": _BETAS, "eps": (1e-8, 1e-2), "weight_decay": _DECAYS},
    "NAdam": {
        "betas": _BETAS,
        "weight_decay": _DECAYS,
        "momentum_decay": (4e-3, 0.0, 0.3),
        "decoupled_weight_decay": _BOTH,
    },
    "RAdam": {
        "betas": (*_BETAS, (0.9, 0.8)),
        "eps": (1e-8, 1e-2),
        "weight_decay": _DECAYS,
        "decoupled_weight_decay": _BOTH,
    },
    "RMSprop": {
        "alpha": (0.99, 0.5, 0.1),
        "weight_decay": _DECAYS,
        "momentum": (0, 0.9),
        "centered": _BOTH,
        "eps": (1e-8, 1e-2),
    },
    "Adagrad": {
        "lr_decay": (0, 0.1),
        "weight_decay": _DECAYS,
        "initial_accumulator_value": (0, 0.5),
        "eps": (1e-10, 1e-2),
    },
    "Adadelta": {"rho": (0.9, 0.5, 0.0, 1.0), "eps": (1e-6, 1e-2), "weight_decay": _DECAYS},
    "ASGD": {
        "lambd": (1e-4, 0.1),
        "alpha": (0.75, 0.3),
        "t0": (1e6, 0, 3.5),
        "weight_decay": _DECAYS,
    },
    "Rprop": {"etas": ((0.5, 1.2), (0.9, 2.0)), "step_sizes": ((1e-6, 50), (0.005, 0.02))},
}
_LRS = {"Adadelta": 1.0}
CYCLING = [name for name in RULES if {"momentum", "betas"} & set(TABLE[name])]

Params = dict[str, Any]


def _combinations(name: str) -> Iterator[Params]:
    for values in product(*TABLE[name].values()):
        params = dict(zip(TABLE[name], values, strict=True))
        if not (params.get("nesterov") and (params["momentum"] == 0 or params["dampening"] != 0)):
            yield params


def slices(names: Sequence[str] = tuple(RULES), *, cycled: bool = False, without: str = "") -> Any:
    """Every combination of the table, those of the same flags together: a test's parameters."""
    found: dict[tuple[str, Flags], list[Params]] = {}
    for name in names:
        for params in _combinations(name):
            found.setdefault((name, flags_of(stock_group(name, 0.1, params), cycled=cycled)), []).append(params)
    cases = [
        pytest.param(name, lanes, id=" ".join([name, *sorted(flags)]))
        for (name, flags), lanes in found.items()
        if without not in flags
    ]
    return pytest.mark.parametrize(("name", "lanes"), cases)


def lane_lrs(name: str, count: int, steps: int) -> Array:
    """An LR for every step of every lane, [T, k]: lanes differ, and each decays."""
    start = _LRS.get(name, 0.02) * np.geomspace(0.5, 2.0, count)
    return start * np.linspace(1.0, 0.3, steps)[:, None]


def given_gradients(steps: int, count: int, dtype: torch.dtype) -> Tensor:
    """Gradients that depend on nothing, [T, k, P]; one in ten is 0."""
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(steps, count, SIZE, generator=generator, dtype=torch.float64)
    return torch.where(torch.rand(values.shape, generator=generator) < 0.1, 0.0, values).to(dtype)


def start(count: int, dtype: torch.dtype) -> Tensor:
    """First parameters, [k, P]."""
    return torch.randn(count, SIZE, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(dtype)


def wells(param: Tensor) -> Tensor:
    """The gradient of a loss with many valleys, of parameters [..., P]."""
    return param * param * param - param + 0.5 * param.roll(1, -1) * param.roll(2, -1)


class StockLanes:
    """One stock optimizer a lane, each over parameters of its own."""

    def __init__(self, name: str, lanes: Sequence[Params], lrs: Sequence[float], first: Tensor):
        self.params = [
            [nn.Parameter(part.reshape(shape).clone()) for part, shape in zip(_split(row), SHAPES, strict=True)]
            for row in first
        ]
        stock: Any = RULES[name].stock
        self.optimizers = [
            stock(each, lr=lr, foreach=False, **params)
            for each, params, lr in zip(self.params, lanes, lrs, strict=True)
        ]

    def flat(self) -> Tensor:
        """The parameters, [k, P]."""
        return torch.stack([torch.cat([p.detach().reshape(-1) for p in each]) for each in self.params])

    def step(self, grads: Tensor, lrs: Array, momenta: Array | None = None) -> None:
        """One step on gradients [k, P] with LRs and momenta [k]; a NaN momentum leaves a lane its own."""
        for lane, optimizer in enumerate(self.optimizers):
            [group] = optimizer.param_groups
            group["lr"] = float(lrs[lane])
            if momenta is not None and not np.isnan(momenta[lane]):
                momentum = float(momenta[lane])
                group.update({"betas": (momentum, group["betas"][1])} if "betas" in group else {"momentum": momentum})
            for param, grad in zip(self.params[lane], _split(grads[lane]), strict=True):
                param.grad = grad.reshape(param.shape).clone()
            optimizer.step()


def _split(row: Tensor) -> tuple[Tensor, ...]:
    return row.split([shape.numel() for shape in SHAPES])


def stacked(
    name: str,
    lanes: Sequence[Params],
    lrs: Sequence[float],
    *,
    dtype: torch.dtype = torch.float32,
    cycled: bool = False,
) -> StackedOptimizer:
    """The lanes as one slice."""
    groups = [stock_group(name, lr, params) for params, lr in zip(lanes, lrs, strict=True)]
    return StackedOptimizer(name, groups, SIZE, dtype=dtype, cycled=cycled)


def same(ours: Tensor, theirs: Tensor) -> bool:
    """True if all numbers are equal, NaN to NaN."""
    return bool(((ours == theirs) | (ours.isnan() & theirs.isnan())).all())
