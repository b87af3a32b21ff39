"""Schedules as a person writes them in a plain torch script: the oracle of every test of schedules."""

from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Optimizer

from sweeps.domains import Value

GRID: dict[str, list[dict[str, Value]]] = {
    "none": [{}],
    "StepLR": [{"step_size": 1}, {"step_size": 7, "gamma": 0.5}, {"step_size": 100}],
    "MultiStepLR": [{"milestones": (1,)}, {"milestones": (3, 4, 20), "gamma": 0.3}, {"milestones": (500,)}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 1.1}],
    "CosineAnnealingLR": [{"T_max": 30}, {"T_max": 7, "eta_min": 0.01}, {"T_max": 1}],
    "CosineAnnealingWarmRestarts": [{"T_0": 5}, {"T_0": 3, "T_mult": 2, "eta_min": 1e-3}, {"T_0": 1}],
    "ConstantLR": [{}, {"factor": 0.01, "total_iters": 2}, {"factor": 1.0, "total_iters": 0}],
    "LinearLR": [{}, {"start_factor": 0.01, "total_iters": 12}, {"end_factor": 0.0, "total_iters": 3}],
    "PolynomialLR": [{"total_iters": 5}, {"total_iters": 30, "power": 2.0}, {"total_iters": 1, "power": 0.5}],
    "LambdaLR": [{"lr_lambda": "0.95 ** epoch"}, {"lr_lambda": "1 / (1 + epoch // 10)"}],
    "MultiplicativeLR": [{"lr_lambda": "0.9"}, {"lr_lambda": "0.5 if epoch == 3 else 1"}],
    "OneCycleLR": [{}, {"pct_start": 0.1, "anneal_strategy": "linear", "three_phase": True}, {"cycle_momentum": False}],
    "CyclicLR": [{}, {"step_size_up": 4, "step_size_down": 2, "mode": "triangular2"}, {"base_lr": 0.001}],
    "SWALR": [{"anneal_epochs": 10}, {"swa_lr": 0.02, "anneal_epochs": 3, "anneal_strategy": "linear"}],
    "SequentialLR": [
        {"schedulers": ("LinearLR", "CosineAnnealingLR"), "milestones": (5,), "0.start_factor": 0.1, "1.T_max": 20},
        {
            "schedulers": ("ConstantLR", "ExponentialLR", "SWALR"),
            "milestones": (3, 9),
            "1.gamma": 0.9,
            "2.swa_lr": 0.01,
            "2.anneal_epochs": 4,
        },
        {"schedulers": ("StepLR", "CosineAnnealingWarmRestarts"), "milestones": (7,), "0.step_size": 2, "1.T_0": 4},
        {"schedulers": ("LinearLR", "OneCycleLR"), "milestones": (5,), "0.total_iters": 4, "1.total_steps": 40},
        {
            "schedulers": ("CyclicLR", "PolynomialLR"),
            "milestones": (9,),
            "0.step_size_up": 2,
            "0.base_lr": 0.01,
            "1.total_iters": 8,
        },
        {
            "schedulers": ("ChainedScheduler", "ConstantLR"),
            "milestones": (6,),
            "0.schedulers": ("StepLR", "LinearLR"),
            "0.0.step_size": 2,
        },
    ],
    "ChainedScheduler": [
        {"schedulers": ("ConstantLR", "ExponentialLR"), "0.factor": 0.1, "0.total_iters": 2, "1.gamma": 0.9},
        {"schedulers": ("OneCycleLR", "StepLR"), "0.total_steps": 40, "1.step_size": 9},
        {
            "schedulers": ("StepLR", "SequentialLR"),
            "0.step_size": 4,
            "1.schedulers": ("ConstantLR", "ExponentialLR"),
            "1.milestones": (6,),
            "1.1.gamma": 0.8,
        },
        {"schedulers": ("LambdaLR",), "0.lr_lambda": "0.95 ** epoch"},
    ],
}
FORMULAS = {
    "0.95 ** epoch": lambda epoch: 0.95**epoch,
    "1 / (1 + epoch // 10)": lambda epoch: 1 / (1 + epoch // 10),
    "0.9": lambda epoch: 0.9,
    "0.5 if epoch == 3 else 1": lambda epoch: 0.5 if epoch == 3 else 1,
}
"""What the expressions of the grid mean, written out."""


def lrs_of(optimizer: Optimizer) -> tuple[float, ...]:
    return tuple(group["lr"] for group in optimizer.param_groups)


def optimizer_with(lrs: tuple[float, ...]) -> Optimizer:
    return SGD([{"params": [nn.Parameter(torch.zeros(2))], "lr": lr} for lr in lrs])


def stock_scheduler(
    name: str, params: dict[str, Value], optimizer: Optimizer, lrs: tuple[float, ...], length: int
) -> Any:
    """What a person writes for a trial at these LRs, the parts of a nested one in their order."""
    keywords: dict[str, Any] = {
        key: FORMULAS.get(value, value) if key == "lr_lambda" else value
        for key, value in params.items()
        if "." not in key
    }
    if name == "OneCycleLR":
        keywords = {"total_steps": length} | keywords | {"max_lr": list(lrs)}
    if name == "CyclicLR":
        lower = {"base_lr": [lr / 4 for lr in lrs], "step_size_up": length // 8}
        keywords = lower | keywords | {"max_lr": list(lrs)}
    if name == "SWALR":
        keywords = {"swa_lr": [lr / 2 for lr in lrs]} | keywords
    if "schedulers" in keywords:
        own = [
            {key[2:]: value for key, value in params.items() if key.startswith(f"{index}.")}
            for index in range(len(keywords["schedulers"]))
        ]
        keywords["schedulers"] = [
            stock_scheduler(part, given, optimizer, lrs, length)
            for part, given in zip(keywords["schedulers"], own, strict=True)
        ]
        # Else torch warns of a scheduler that is stepped too early, which it does itself where a first part is nested.
        optimizer.step()
    stock = getattr(torch.optim.swa_utils if name == "SWALR" else torch.optim.lr_scheduler, name)
    return stock(optimizer=optimizer, **keywords)


def plain_loop(name: str, params: dict[str, Value], lrs: tuple[float, ...], length: int) -> list[tuple[float, ...]]:
    """The LRs of every epoch of a loop that steps the stock scheduler after it."""
    optimizer = optimizer_with(lrs)
    scheduler = stock_scheduler(name, params, optimizer, lrs, length) if name != "none" else None
    table = []
    for _ in range(length):
        table.append(lrs_of(optimizer))
        optimizer.step()
        if scheduler is not None and len(table) < length:
            scheduler.step()
    return table
