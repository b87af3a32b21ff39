"""A model of two named parts, and jobs that have the second in a group of its own."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from torch import nn

from sweeps.domains import Value
from sweeps.groups import ParamGroup
from sweeps.records import Job
from tests.workers.small import Regression, a_job

HEAD = ParamGroup(name="head", patterns=("head.*",))
LR, STEPS = 0.03, 3


class TwoParts(Regression):
    """Features and a head, by name."""

    def model(self) -> nn.Module:
        layers = {"features": nn.Linear(4, 6), "tanh": nn.Tanh(), "head": nn.Linear(6, 2)}
        return nn.Sequential(OrderedDict(layers))


def a_trial(optimizer: str = "SGD", **given: Any) -> Job:
    """Three epochs of three steps at 0.03, with the head as a group, but for what is given."""
    return a_job(**{"optimizer": optimizer, "initial_lr": LR, "seed": 7, "groups": (HEAD,), **given})


OPTIMIZERS: dict[str, dict[str, Value]] = {
    "SGD": {"momentum": 0.9, "weight_decay": 1e-3},
    "AdamW": {"betas": (0.8, 0.99)},
    "RMSprop": {"momentum": 0.5},
    "Adagrad": {"initial_accumulator_value": 0.1},
    "Muon": {"momentum": 0.9},
}
SCHEDULERS: dict[str, dict[str, Value]] = {
    "none": {},
    "StepLR": {"step_size": 1, "gamma": 0.5},
    "CosineAnnealingLR": {"T_max": 3},
    "OneCycleLR": {},
    "CyclicLR": {"step_size_up": 2},
    "ReduceLROnPlateau": {"patience": 0, "factor": 0.5, "threshold": 0.9},
}
LAYOUTS: dict[str, tuple[ParamGroup, dict[str, Value]]] = {
    "ten times": (HEAD, {"head.lr_multiplier": 10.0}),
    "own decay": (HEAD, {"head.lr_multiplier": 0.1, "head.weight_decay": 0.25}),
    "own schedule": (replace(HEAD, scheduler="StepLR", scheduler_params=SCHEDULERS["StepLR"]), {}),
    "own constant": (replace(HEAD, scheduler="none"), {"head.lr_multiplier": 2.0}),
    "late": (replace(HEAD, from_epoch=1), {"head.lr_multiplier": 3.0}),
    "last": (replace(HEAD, from_epoch=2), {"head.weight_decay": 0.0}),
}
"""A group, and what a trial says about it."""
