"""The table of update rules, by the optimizers' names in the catalogue."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sweeps.domains import Value
from workers.stacked.adadelta import ADADELTA
from workers.stacked.adagrad import ADAGRAD
from workers.stacked.adam import ADAM, ADAMW
from workers.stacked.adamax import ADAMAX
from workers.stacked.asgd import ASGD
from workers.stacked.nadam import NADAM
from workers.stacked.radam import RADAM
from workers.stacked.rmsprop import RMSPROP
from workers.stacked.rprop import RPROP
from workers.stacked.rule import Rule
from workers.stacked.sgd import SGD

RULES: Mapping[str, Rule] = {
    rule.stock.__name__: rule
    for rule in (SGD, ADAM, ADAMW, ADAMAX, NADAM, RADAM, RMSPROP, ADAGRAD, ADADELTA, ASGD, RPROP)
}


def stock_group(name: str, lr: float, params: Mapping[str, Value]) -> dict[str, Any]:
    """The hyperparameters of a lane as its stock optimizer would hold them, with torch's defaults.

    >>> group = stock_group("SGD", 0.1, {"momentum": 0.9})
    >>> group["lr"], group["momentum"], group["dampening"]
    (0.1, 0.9, 0)

    Raises ValueError or TypeError where torch refuses them.
    """
    made: Any = RULES[name].stock
    [group] = made([nn.Parameter(torch.zeros(()))], lr=lr, **params).param_groups
    return {key: value for key, value in group.items() if key != "params"}
