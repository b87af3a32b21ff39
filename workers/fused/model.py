"""K copies of one model in one: parameters as rows of one tensor, loss and metrics vmapped over the rows."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from workers.fused.mended import mended
from workers.fused.streams import RandomStreams
from workers.lane import PreparedTask
from workers.seeding import seed_model
from workers.structures import map_tensors, tensors_in
from workers.task import Batch


class CannotFuse(Exception):
    """This model, loss or data cannot train as stacked lanes; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where each trainable parameter lies in a row: names, shapes and sizes, in the model's order."""

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    sizes: tuple[int, ...]

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
        """What else a model holds, by name: its buffers, and parameters that never train."""
        frozen = {name: each for name, each in model.named_parameters() if name not in self.names}
        return {**frozen, **dict(model.named_buffers())}


class _Outputs(nn.Module):
    """The task's loss and metrics as forward passes, so that parameters can be swapped whatever the user calls."""

    def __init__(self, model: nn.Module, prepared: PreparedTask):
        super().__init__()
        self.model, self._prepared = model, prepared

    def forward(self, of: str, batch: Batch) -> Any:
        """The loss, or the validation metrics by their logged names."""
        return (
            self._prepared.task.loss(self.model, batch) if of == "loss" else self._prepared.metrics(self.model, batch)
        )


class StackedModel:
    """The lanes' models in one: `flat` [K, P] holds the parameters, a row a lane.

    On a CPU a row comes out the same, bit for bit, whatever its place and its company. For that there are always
    two rows at least, the second a double: for one row alone torch takes other paths, in convolutions say.

    A step on `batch` [B, ...] tells what trains, and whether random numbers are drawn. Raises CannotFuse for a model
    that cannot be stacked.
    """

    def __init__(self, prepared: PreparedTask, batch: Batch):
        seed_model(0)
        model = prepared.task.model().to(prepared.device)
        streams = RandomStreams(prepared.device)
        before = streams.get()
        prepared.task.loss(model, batch).backward()  # type: ignore[no-untyped-call]
        self.draws = streams.moved(before)
        """Whether training draws random numbers: who calls `losses` then enters LaneDraws."""
        self.layout = Layout.of(model)
        model.zero_grad(set_to_none=True)
        self._outputs = _Outputs(model, prepared)
        # Torch warns of each operation that it runs lane by lane; whether lanes pay is measured.
        warnings.filterwarnings("ignore", message="There is a performance drop")
        self.flat = torch.empty(0)
        self._leaves: list[Tensor] = []
        self.fixed: dict[str, Tensor] = {}
        """Buffers and parameters that never train, [K, ...]."""

    def adopt(self, models: Sequence[nn.Module]) -> None:
        """Takes these models' values, one row each, and makes their tensors views of it; forgets all others."""
        if not models:
            self.flat, self._leaves, self.fixed = torch.empty(0), [], {}
            return
        rows = [torch.cat([each.detach().reshape(-1) for each in self.layout.trained(model)]) for model in models]
        fixed = [self.layout.fixed(model) for model in models]
        if len(models) == 1:
            rows, fixed = rows * 2, fixed * 2
        self.flat = torch.stack(rows)
        # One leaf a parameter: its gradient goes to its place in one copy, which a split's backward pass takes two for.
        self._leaves = [view.detach().requires_grad_() for view in self.layout.views(self.flat)]
        self.fixed = {name: torch.stack([each[name].detach() for each in fixed]) for name in fixed[0]}
        for row, model in enumerate(models):
            for parameter, view in zip(self.layout.trained(model), self.layout.views(self.flat[row]), strict=True):
                parameter.data = view
            for name, tensor in self.layout.fixed(model).items():
                tensor.data = self.fixed[name][row]

    def release(self, model: nn.Module) -> None:
        """Gives a model tensors of its own again, with the values that they have now."""
        for tensor in (*self.layout.trained(model), *self.layout.fixed(model).values()):
            tensor.data = tensor.data.clone()
            if isinstance(tensor, nn.Parameter):
                tensor.grad = None

    def losses(self, batch: Batch, *, training: bool = True) -> Tensor:
        """The loss of every row on its own batch [K, B, ...]: [K], for `gradient`."""
        self._outputs.train(training)
        losses: Tensor = self._mapped("loss", batch)
        return losses

    def gradient(self, losses: Tensor) -> Tensor:
        """The gradient of each row's loss, [K, P]."""
        grads = torch.autograd.grad(losses.sum(), self._leaves, materialize_grads=True)
        flat = torch.empty_like(self.flat)
        for place, grad in zip(self.layout.views(flat), grads, strict=True):
            place.copy_(grad)
        return flat

    @torch.no_grad()
    def metrics(self, batch: Batch) -> dict[str, Tensor]:
        """The validation metrics of every row on its own batch [K, B, ...] by their logged names, each [K]."""
        self._outputs.eval()
        metrics: dict[str, Tensor] = self._mapped("metrics", batch)
        return metrics

    def _mapped(self, of: str, batch: Batch) -> Any:
        def output(named: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> Any:
            own = iter(tensors)
            lane_batch = map_tensors(lambda _: next(own), batch)
            return functional_call(self._outputs, dict(named), (of, lane_batch))

        views = dict(zip(self.layout.names, self._leaves, strict=True))
        named = {f"model.{name}": each for name, each in {**views, **self.fixed}.items()}
        mapped = vmap(output, randomness="different" if self.draws else "error")
        with mended():
            return mapped(named, list(tensors_in(batch)))
