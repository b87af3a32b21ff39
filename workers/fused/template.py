"""A task's model taken apart: where its parameters lie in a row, and its loss and metrics as functions of them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workers.fused.alike import alike
from workers.fused.streams import RandomStreams
from workers.keeping import in_words, moved, numbers_of
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
        return [part.view((*rows.shape[:-1], *shape)) for part, shape in zip(parts, self.shapes, strict=True)]

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
        prepared = prepared.apart()
        # Some models come in evaluation mode.
        model = prepared.model().train()
        self.precision = prepared.precision
        forwards, self.draws_backwards = _train_twice(prepared, model, batch)
        """Whether gradients draw random numbers, as an autograd.Function of the user's may."""
        self.draws = forwards or self.draws_backwards
        """Whether training draws random numbers."""
        self.layout = Layout.of(model)
        self.buffers = tuple(name for name, _ in model.named_buffers())
        model.zero_grad(set_to_none=True)
        for recurrent in (each for each in model.modules() if isinstance(each, nn.RNNBase)):
            # On a GPU it would put weights side by side in memory, where lanes' have no place of their own.
            recurrent.flatten_parameters = lambda: None  # type: ignore[method-assign]
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
            given = self._prepared.loss if of == "loss" else self._prepared.metrics
            result = given(self._model, batch)
            for held, key, name in self._places:
                if held.get(key) is not named[name] and not torch.compiler.is_compiling():
                    raise CannotFuse(f"it assigns {name} anew instead of writing into it")
            return result
        finally:
            for held, key, tensor in own:
                held[key] = tensor

    def refuse_own_gradients(self, losses: Tensor) -> None:
        """Raises CannotFuse if losses of lanes depend on this model's own parameters, which are none of the lanes'."""
        own = [each for each in self._model.parameters() if each.requires_grad]
        grads = torch.autograd.grad(losses.sum(), own, allow_unused=True, retain_graph=True)
        if any(grad is not None for grad in grads):
            raise CannotFuse("it reaches parameters otherwise than by their names, through a list of them say")


def _train_twice(prepared: PreparedTask, model: nn.Module, batch: Batch) -> tuple[bool, bool]:
    """Whether the loss draws random numbers, and whether its gradient does, with which the model is left.

    Raises CannotFuse if the same weights and draws give the batch another loss the second time, or would some day.
    """
    streams = RandomStreams(prepared.device)
    tensors = [*model.parameters(), *model.buffers()]
    values, before = [each.detach().clone() for each in tensors], streams.get()
    loss = prepared.loss(model, batch)
    forwards, between = streams.moved(before), streams.get()
    loss.backward()  # type: ignore[no-untyped-call]
    # What only the first batch moves, as a cache of its shapes, is the same for all.
    foreign, numbers, backwards = _foreign_streams(), numbers_of(model, prepared.task), streams.moved(between)
    streams.set(before)
    for each, value in zip(tensors, values, strict=True):
        each.data.copy_(value)
    again = prepared.loss(model, batch)
    moving = [name for name, state in _foreign_streams().items() if state != foreign[name]]
    if name := next(iter(moving), in_words(moved(numbers, numbers_of(model, prepared.task)))):
        raise CannotFuse(f"it moves {name} from batch to batch, which all lanes would share")
    if not _same(again, loss):
        raise CannotFuse(
            "its loss depends on what it keeps of earlier batches, which all lanes would share; a buffer is "
            "each lane's own"
        )
    return forwards, backwards


def _same(again: Tensor, loss: Tensor) -> bool:
    """True for one loss twice: on a CPU up to the rounding of sums by several threads, on a GPU up to its noise."""
    if loss.device.type != "cpu":
        return alike(again, loss)
    return torch.allclose(again.double(), loss.double(), rtol=1e-6, atol=0.0, equal_nan=True)


def _foreign_streams() -> dict[str, str]:
    """Where the random streams stand that are not torch's."""
    return {"Python's random": repr(random.getstate()), "numpy.random": repr(np.random.get_state())}


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
