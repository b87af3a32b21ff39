"""The lanes that are trained against stock torch: every scheduler, every hyperparameter of every optimizer."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.swa_utils import SWALR

from sweeps.catalogue import SCHEDULERS
from sweeps.domains import Value
from sweeps.records import Budget, Job
from tests.workers.fused.company import Precise
from tests.workers.plain import stock_batch_size, stock_optimizers, stock_step
from tests.workers.small import a_job
from workers.seeding import data_order, seed_epoch

STEPS = 100
SEED = 11
Params = Mapping[str, Value]

PARAMS: Mapping[str, tuple[Params, ...]] = {
    "SGD": (
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.3},
        {"weight_decay": 0.01},
        {"momentum": 0.7, "nesterov": True, "weight_decay": 0.01},
    ),
    "Adam": (
        {},
        {"amsgrad": True},
        {"betas": (0.8, 0.99), "eps": 1e-3},
        {"weight_decay": 0.01},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"weight_decay": 0.01, "amsgrad": True, "betas": (0.5, 0.9)},
    ),
    "AdamW": ({}, {"amsgrad": True}, {"weight_decay": 0.0}, {"betas": (0.8, 0.99), "weight_decay": 0.1, "eps": 1e-3}),
    "Adamax": ({}, {"betas": (0.8, 0.99)}, {"weight_decay": 0.01}, {"eps": 1e-3}),
    "NAdam": (
        {},
        {"momentum_decay": 0.1},
        {"weight_decay": 0.01},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"betas": (0.8, 0.99), "eps": 1e-3},
    ),
    "RAdam": (
        {},
        {"weight_decay": 0.01},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"betas": (0.8, 0.9), "eps": 1e-3},
    ),
    "RMSprop": (
        {},
        {"momentum": 0.5},
        {"centered": True},
        {"momentum": 0.5, "centered": True, "weight_decay": 0.01},
        {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},
    ),
    "Adagrad": (
        {},
        {"lr_decay": 0.05},
        {"initial_accumulator_value": 0.1},
        {"weight_decay": 0.01, "eps": 1e-3},
        {"lr_decay": 0.01, "initial_accumulator_value": 0.5, "weight_decay": 0.1},
    ),
    "Adadelta": ({}, {"rho": 0.8}, {"weight_decay": 0.01}, {"eps": 1e-3}),
    "ASGD": ({}, {"lambd": 0.01}, {"alpha": 0.5, "lambd": 0.1}, {"t0": 20.0}, {"weight_decay": 0.01}),
    "Rprop": ({}, {"etas": (0.7, 1.1)}, {"step_sizes": (1e-4, 0.02)}),
    "Adafactor": ({}, {"beta2_decay": -0.6}, {"d": 2.0}, {"weight_decay": 0.01}, {"eps": (1e-20, 1e-2)}),
    "Muon": ({}, {"momentum": 0.8, "nesterov": False}, {"weight_decay": 0.0}, {"adjust_lr_fn": "match_rms_adamw"}),
    "LBFGS": ({"max_iter": 2}, {"max_iter": 3, "history_size": 2}),
}
"""Hyperparameters of lanes of a dense model, each of torch's own flags in one at least."""
_LRS = {"SGD": 0.05, "ASGD": 0.05, "Adadelta": 1.0, "LBFGS": 0.1}

SCHEDULES: Mapping[str, Params] = {
    "none": {},
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "MultiStepLR": {"milestones": (2, 7), "gamma": 0.3},
    "ExponentialLR": {"gamma": 0.9},
    "CosineAnnealingLR": {"T_max": 5, "eta_min": 1e-4},
    "CosineAnnealingWarmRestarts": {"T_0": 2, "T_mult": 2},
    "ConstantLR": {"factor": 0.5, "total_iters": 4},
    "LinearLR": {"start_factor": 0.25, "total_iters": 5},
    "PolynomialLR": {"total_iters": 12, "power": 2.0},
    "LambdaLR": {"lr_lambda": "0.9 ** epoch"},
    "MultiplicativeLR": {"lr_lambda": "0.85"},
    "OneCycleLR": {},
    "CyclicLR": {"step_size_up": 7},
    "SWALR": {"anneal_epochs": 5, "anneal_strategy": "linear"},
    "SequentialLR": {"schedulers": ("ConstantLR", "OneCycleLR"), "milestones": (30,), "0.factor": 0.5},
    "ChainedScheduler": {"schedulers": ("StepLR", "ExponentialLR"), "0.step_size": 4, "1.gamma": 0.95},
    "ReduceLROnPlateau": {"patience": 1, "factor": 0.5, "threshold": 0.2, "min_lr": 1e-3},
}
BY_STEP = ("OneCycleLR", "CyclicLR", "SequentialLR")


def _cycles(opt: Optimizer) -> dict[str, bool]:
    return {"cycle_momentum": not {"momentum", "betas"}.isdisjoint(opt.defaults)}


_STOCK: Mapping[str, Callable[[Any, float], Any]] = {
    "none": lambda opt, lr: lr_scheduler.LambdaLR(opt, lambda epoch: 1.0),
    "LambdaLR": lambda opt, lr: lr_scheduler.LambdaLR(opt, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda opt, lr: lr_scheduler.MultiplicativeLR(opt, lambda epoch: 0.85),
    "OneCycleLR": lambda opt, lr: lr_scheduler.OneCycleLR(opt, lr, STEPS, **_cycles(opt)),
    "CyclicLR": lambda opt, lr: lr_scheduler.CyclicLR(opt, lr / 4, lr, step_size_up=7, **_cycles(opt)),
    "SWALR": lambda opt, lr: SWALR(opt, lr / 2, anneal_epochs=5, anneal_strategy="linear"),
    "SequentialLR": lambda opt, lr: lr_scheduler.SequentialLR(
        opt,
        [lr_scheduler.ConstantLR(opt, 0.5), lr_scheduler.OneCycleLR(opt, lr, STEPS - 30, **_cycles(opt))],
        milestones=[30],
    ),
    "ChainedScheduler": lambda opt, lr: lr_scheduler.ChainedScheduler(
        [lr_scheduler.StepLR(opt, 4), lr_scheduler.ExponentialLR(opt, 0.95)]
    ),
}
"""What a script says, where that is not the stock class with the arguments of a spec."""


def lr_of(optimizer: str) -> float:
    """An LR at which an optimizer trains well."""
    return _LRS.get(optimizer, 0.01)


def params_of(optimizer: str, scheduler: str) -> Params:
    """The hyperparameters of the lane with this scheduler: the optimizer's take turns."""
    table = PARAMS[optimizer]
    return table[list(SCHEDULERS).index(scheduler) % len(table)]


def lane(optimizer: str, scheduler: str, **given: Any) -> Job:
    """A job of the table: 100 steps, the last epoch cut short."""
    defaults = {
        "key": f"{optimizer} {scheduler}",
        "optimizer": optimizer,
        "scheduler": scheduler,
        "initial_lr": lr_of(optimizer),
        "optimizer_params": params_of(optimizer, scheduler),
        "scheduler_params": SCHEDULES[scheduler],
        "seed": SEED,
        "budget": Budget(steps=STEPS),
    }
    return a_job(**defaults | given)


@cache
def plain_losses(optimizer: str, scheduler: str) -> list[float]:
    """The loss of every step of `lane` in a plain torch loop."""
    task, lr = Precise(), lr_of(optimizer)
    (x, y), (val_x, val_y) = task.data()
    torch.manual_seed(SEED)
    model = task.model()
    opts = stock_optimizers(optimizer, model, lr, params_of(optimizer, scheduler))
    make = _STOCK.get(scheduler, lambda opt, lr: getattr(lr_scheduler, scheduler)(opt, **SCHEDULES[scheduler]))
    scheds = [make(opt, lr) for opt in opts]
    batch_size = stock_batch_size(optimizer, task, len(x))
    losses: list[float] = []
    for epoch in range(STEPS):
        seed_epoch(SEED, epoch)
        for rows in data_order(len(x), SEED, epoch).split(batch_size):
            losses.append(stock_step(opts, lambda rows=rows: nn.functional.mse_loss(model(x[rows]), y[rows])))  # type: ignore[misc]
            if len(losses) == STEPS:
                return losses
            for sched in scheds * (scheduler in BY_STEP):
                sched.step()
        with torch.no_grad():
            metric = [nn.functional.mse_loss(model(val_x), val_y).item()] * (scheduler == "ReduceLROnPlateau")
        for sched in scheds * (scheduler not in BY_STEP):
            sched.step(*metric)
    return losses
