"""What a range test can be made of: the bounds of its ramp, the optimizer's row, and mistakes told before training."""

import math
from typing import Any, get_args

from torch import nn
from torch.nn.modules.loss import _Loss
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from sweeps.catalogue import OPTIMIZERS, OptimizerRow, optimizer_row
from sweeps.errors import UserError
from sweeps.records import Growth, Ramp
from workers.classes import load_class


def row_of(optimizer: Any) -> OptimizerRow:
    """The catalogue's row of the optimizer's class; a class of one's own is taken on Adam's scale."""
    if not isinstance(optimizer, Optimizer):
        raise UserError(f"optimizer is a {type(optimizer).__name__}; give a torch.optim.Optimizer over the model")
    cls = type(optimizer)
    for row in OPTIMIZERS.values():
        if cls is load_class(row.path):
            return row
    return optimizer_row(f"{cls.__module__}:{cls.__name__}")


def ramp_of(row: OptimizerRow, low: float | None, high: float | None, steps: int, growth: Growth) -> Ramp:
    """The ramp; bounds that are not given are the optimizer's own. Raises UserError for one that cannot be climbed."""
    if growth not in get_args(Growth):
        raise UserError(f"growth is {growth!r}; choose one of: {', '.join(get_args(Growth))}")
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
        raise UserError(f"steps is {steps!r}; give a whole number from 2, 100 say")
    start, end = row.lr.low if low is None else low, row.lr.high if high is None else high
    if not 0 < start < end < math.inf:
        raise UserError(f"the LR cannot grow from low={start:g} to high={end:g}; give 0 < low < high")
    return Ramp(low=start, high=end, steps=steps, growth=growth)


def check_counts(**counts: int) -> None:
    """Raises UserError for a count that is no whole number from 1."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UserError(f"{name} is {count!r}; give a whole number from 1")


def check_training(model: Any, optimizer: Optimizer, loss: Any) -> None:
    """Raises UserError where model, optimizer and loss cannot train together."""
    if not isinstance(model, nn.Module):
        raise UserError(f"model is a {type(model).__name__}; give the torch.nn.Module that the optimizer trains")
    if isinstance(loss, _Loss) or not callable(loss):
        raise UserError(
            f"loss is {type(loss).__name__}; give a function of (model, batch), say "
            "`lambda model, batch: criterion(model(batch[0]), batch[1])`"
        )
    if lazy := [name for name, parameter in model.named_parameters() if is_lazy(parameter)]:
        raise UserError(
            f"the model has parameters without a shape yet: {', '.join(lazy)}; run a batch through it once, "
            "and make the optimizer after that"
        )
    own = set(map(id, model.parameters()))
    if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
        raise UserError(
            f"{type(optimizer).__name__} trains none of the model's parameters; make it over this model's parameters()"
        )
