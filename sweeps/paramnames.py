"""Hyperparameters by full name, `owner.name`: those of one owner, and how they read without it."""

from collections.abc import Mapping
from typing import TypeVar

from sweeps.domains import Value

T = TypeVar("T")


def params_of(params: Mapping[str, T], owner: str) -> dict[str, T]:
    """What belongs to one owner, by bare names: to an optimizer, a scheduler, a group, or a part by its number.

    >>> params_of({"SGD.momentum": 0.9, "StepLR.gamma": 0.5}, "SGD")
    {'momentum': 0.9}
    """
    start = f"{owner}."
    return {key.removeprefix(start): value for key, value in params.items() if key.startswith(start)}


def bare_names(params: Mapping[str, Value], *owners: str) -> dict[str, Value]:
    """Hyperparameters without the names of the optimizer and the scheduler that they belong to.

    >>> bare_names({"my.opt:Lion.head.lr_multiplier": 10.0, "StepLR.gamma": 0.5}, "my.opt:Lion", "StepLR")
    {'head.lr_multiplier': 10.0, 'gamma': 0.5}
    """
    return {
        next((key.removeprefix(f"{owner}.") for owner in owners if key.startswith(f"{owner}.")), key): value
        for key, value in params.items()
    }
