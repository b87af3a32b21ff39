"""What some schedulers cycle beside the LR: an optimizer's momentum, or the first of its betas."""

from collections.abc import Container, Mapping
from typing import Any, Literal

Momentum = Literal["betas", "momentum"]
"""What an optimizer calls it."""


def momentum_kind(names: Container[str]) -> Momentum | None:
    """What an optimizer with these hyperparameters has to cycle, chosen as OneCycleLR and CyclicLR choose.

    >>> momentum_kind({"lr": 0.1, "betas": (0.9, 0.999)}), momentum_kind({"lr": 0.1})
    ('betas', None)
    """
    if "betas" in names:
        return "betas"
    return "momentum" if "momentum" in names else None


def momentum_of(group: Mapping[str, Any]) -> float:
    """The momentum of a param group, or its first beta; 0 if it has neither.

    >>> momentum_of({"lr": 0.1, "betas": (0.9, 0.999)}), momentum_of({"lr": 0.1})
    (0.9, 0.0)
    """
    kind = momentum_kind(group)
    if kind is None:
        return 0.0
    return float(group["betas"][0] if kind == "betas" else group["momentum"])


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Puts it in place in a param group that has it.

    >>> group = {"lr": 0.1, "betas": (0.9, 0.999)}
    >>> set_momentum(group, 0.85)
    >>> group["betas"]
    (0.85, 0.999)
    """
    match momentum_kind(group):
        case "betas":
            group["betas"] = (momentum, *group["betas"][1:])
        case "momentum":
            group["momentum"] = momentum
