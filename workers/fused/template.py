"""A task's model taken apart: where its parameters lie in a row, and its loss and metrics as functions of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workers.fused.streams import RandomStreams
from workers.prepared import PreparedTask
from workers.seeding import seed_model
from workers.task import Batch


class CannotFuse(Exception):
    """This model, loss or data cannot train as stacked lanes; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where each trainable parameter lies in a row: names, shapes and sizes, in the model's order.

    `idle` names the parameters that could train and have no gradient.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    sizes: tuple[int, ...]
    idle: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: nn.Module) -> "Layout":
        """The layout of a model that has gradients: without one a parameter does not train, as torch.optim has it.

        Raises CannotFuse if its parameters do not go into one tensor.
        """
        named = [(name, each) for name, each in model.named_parameters() if each.grad is not None]
        if any(each.grad.is_sparse for _, each in named if each.grad is not None):
            raise CannotFuse("it has sparse gradients")
        if len({(each.dtype, each.device) for _, each in named}) != 1:
            raise CannotFuse("its parameters are of several types or on several devices")
        return cls(
            names=tuple(name for name, _ in named),
            shapes=tuple(each.shape for _, each in named),
            sizes=tuple(each.numel() for _, each in named),
            idle=tuple(name for name, each in model.named_parameters() if each.requires_grad and each.grad is None),
        )

    def trained(self, model: nn.Module) -> list[nn.Parameter]:
        """The parameters of a model in this order."""
        named = dict(model.named_parameters())
        return [named[name] for name in self.names]

    def views(self, rows: Tensor) -> list[Tensor]:
        """The parameters in a row [P], each [*shape], or in rows [K, P], each [K, *shape]."""
        parts = torch.split(rows, list(self.sizes), dim=-1)
        return [part.view(*rows.shape[:-1], *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def fixed(self, model: nn.Module) -> dict[str, Tensor]:
        """What else a model holds, by name: its buffers, and parameters that do not train."""
        still = {name: each for name, each in model.named_parameters() if name not in self.names}
        return {**still, **dict(model.named_buffers())}


class Template:
    """One model of a task for all lanes; a step on `batch` [B, ...] tells what trains and what is drawn.

    Raises CannotFuse for a model that cannot be stacked.
    """

    def __init__(self, prepared: PreparedTask, batch: Batch):
        seed_model(0)
        model = prepared.task.model().to(prepared.device)
        streams = RandomStreams(prepared.device)
        before = streams.get()
        prepared.loss(model, batch).backward()  # type: ignore[no-untyped-call]
        self.precision = prepared.precision
        self.draws = streams.moved(before)
        """Whether training draws random numbers."""
        self.layout = Layout.of(model)
        self.buffers = tuple(name for name, _ in model.named_buffers())
        model.zero_grad(set_to_none=True)
        self._model, self._prepared = model, prepared
        self._places = _places(model)

    def train(self, training: bool) -> None:
        """Sets the mode, as nn.Module.train() does."""
        if self._model.training is not training:
            self._model.train(training)

    def output(self, of: str, named: Mapping[str, Tensor], batch: Batch) -> Any:
        """The "loss" or the "metrics" of the model that has these parameters and buffers.

        As torch.func.functional_call() has it, but that the places of tensors are found once, not in every step.
        """
        own = [(held, key, held[key]) for held, key, _ in self._places]
        try:
            for held, key, name in self._places:
                held[key] = named[name]
            if of == "loss":
                return self._prepared.loss(self._model, batch)
            return self._prepared.metrics(self._model, batch)
        finally:
            for held, key, tensor in own:
                held[key] = tensor


def _places(model: nn.Module) -> list[tuple[dict[str, Any], str, str]]:
    """Where a model holds its parameters and buffers: the dictionary, the key in it, and the tensor's first name.

    >>> tied = nn.Linear(2, 2, bias=False)
    >>> [(key, name) for _, key, name in _places(nn.Sequential(tied, tied))]
    [('weight', '0.weight')]
    """
    names = {id(each): name for name, each in (*model.named_parameters(), *model.named_buffers())}
    return [
        (held, key, names[id(tensor)])
        for module in model.modules()
        for held in (module._parameters, module._buffers)
        for key, tensor in held.items()
        if tensor is not None
    ]
