"""Makes the stock torch optimizer that a job asks for."""

from collections.abc import Iterable, Mapping

from torch import nn
from torch.optim import Optimizer

from sweeps.catalogue import optimizer_row
from sweeps.domains import Value
from workers.classes import load_class


def build_optimizer(name: str, parameters: Iterable[nn.Parameter], lr: float, params: Mapping[str, Value]) -> Optimizer:
    """A stock torch optimizer, with torch's own defaults for what is not given."""
    optimizer: Optimizer = load_class(optimizer_row(name).path)(parameters, lr=lr, **params)
    return optimizer


def group_lrs(optimizer: Optimizer) -> tuple[float, ...]:
    """The LR of every param group, [groups]."""
    return tuple(float(group["lr"]) for group in optimizer.param_groups)
