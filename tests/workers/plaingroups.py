"""Parameter groups as a person writes them in a plain torch script: stock optimizers and a scheduler for each."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim import lr_scheduler as scheduling

from sweeps.paramnames import params_of
from tests.workers.parts import LAYOUTS, LR, OPTIMIZERS, STEPS, TwoParts
from tests.workers.plain import stock_optimizers, stock_step
from tests.workers.small import Regression
from workers.seeding import data_order, seed_epoch


def cycles(optimizer: Optimizer) -> dict[str, bool]:
    return {"cycle_momentum": not {"momentum", "betas"}.isdisjoint(optimizer.defaults)}


STOCK: dict[str, Callable[[Optimizer, float, int], Any]] = {
    "none": lambda opt, lr, steps: None,
    "StepLR": lambda opt, lr, steps: scheduling.StepLR(opt, 1, 0.5),
    "CosineAnnealingLR": lambda opt, lr, steps: scheduling.CosineAnnealingLR(opt, 3),
    "OneCycleLR": lambda opt, lr, steps: scheduling.OneCycleLR(opt, lr, steps, **cycles(opt)),
    "CyclicLR": lambda opt, lr, steps: scheduling.CyclicLR(opt, lr / 4, lr, 2, **cycles(opt)),
    "ReduceLROnPlateau": lambda opt, lr, steps: scheduling.ReduceLROnPlateau(
        opt, patience=0, factor=0.5, threshold=0.9
    ),
}
"""What the schedulers of `parts.SCHEDULERS` are in torch: of an optimizer, for an LR and so many steps."""
BY_STEP = ("OneCycleLR", "CyclicLR")


class Alone:
    """One group of a plain loop, which begins at an epoch."""

    def __init__(
        self, module: nn.Module, optimizer: str, lr: float, params: Any, scheduler: str, epochs: int, begins: int
    ):
        self.module, self.begins, self.scheduler = module, begins, scheduler
        self.optimizers = stock_optimizers(optimizer, module, lr, params)
        self.schedulers = [STOCK[scheduler](each, lr, epochs * STEPS) for each in self.optimizers]
        for parameter in module.parameters():
            parameter.requires_grad_(begins == 0)

    def lr(self, epoch: int) -> float:
        return float(self.optimizers[0].param_groups[0]["lr"]) if epoch >= self.begins else 0.0

    def tick(self, *metric: float) -> None:
        for each in self.schedulers:
            if each is not None:
                each.step(*metric)


def momentum(optimizer: Optimizer) -> float | None:
    group = optimizer.param_groups[0]
    return group["betas"][0] if "betas" in group else group.get("momentum")  # type: ignore[no-any-return]


class Plain:
    """What a plain loop saw: losses of steps, LRs of groups at each step, momentum of the first group."""

    def __init__(
        self,
        groups: Callable[[nn.Module], list[Alone]],
        *,
        epochs: int = 3,
        seed: int = 7,
        task: Regression | None = None,
    ):
        task = task or TwoParts()
        (x, y), (val_x, val_y) = task.data()
        torch.manual_seed(seed)
        model = task.model()
        alone = groups(model)
        self.losses: list[float] = []
        self.lrs: list[tuple[float, ...]] = []
        self.momenta: list[float | None] = []
        for epoch in range(epochs):
            seed_epoch(seed, epoch)
            for each in alone:
                for parameter in each.module.parameters():
                    parameter.requires_grad_(epoch >= each.begins)
            optimizers = [one for each in alone for one in each.optimizers]
            for rows in data_order(len(x), seed, epoch).split(task.batch_size):
                self.lrs.append(tuple(each.lr(epoch) for each in alone))
                self.momenta.append(momentum(optimizers[0]))
                self.losses.append(stock_step(optimizers, lambda rows=rows: F.mse_loss(model(x[rows]), y[rows])))
                for each in alone:
                    if each.scheduler in BY_STEP and len(self.losses) < epochs * STEPS:
                        each.tick()
            with torch.no_grad():
                val_loss = F.mse_loss(model(val_x), val_y).item()
            for each in alone:
                if each.scheduler not in BY_STEP:
                    each.tick(*[val_loss] * (each.scheduler == "ReduceLROnPlateau"))


def of_layout(optimizer: str, scheduler: str, layout: str) -> Callable[[nn.Module], list[Alone]]:
    """The groups of a layout: features and head."""
    group, params = LAYOUTS[layout]
    shared, own = OPTIMIZERS[optimizer], params_of(params, "head")
    lr = LR * float(own.pop("lr_multiplier", 1.0))  # type: ignore[arg-type]

    def alone(model: Any) -> list[Alone]:
        rest = Alone(model.features, optimizer, LR, shared, scheduler, 3, 0)
        head = Alone(model.head, optimizer, lr, {**shared, **own}, group.scheduler or scheduler, 3, group.from_epoch)
        # The AdamW beside Muon has what the group itself says, too.
        for beside in head.optimizers[1:]:
            beside.param_groups[0].update(own)
        return [rest, head]

    return alone
