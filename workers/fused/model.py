"""K copies of one model in one: parameters as rows of one tensor, loss and metrics vmapped over the rows."""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from workers.fused.alike import alike
from workers.fused.compiled import CompiledStep
from workers.fused.lanewise import lanewise
from workers.fused.mended import mended
from workers.fused.template import CannotFuse, Template
from workers.structures import map_tensors, tensors_in
from workers.task import Batch

_NOTHING = nullcontext()


class StackedModel:
    """The lanes' models in one: `flat` [K, P] holds the parameters, a row a lane.

    On a CPU a row comes out the same, bit for bit, whatever its place and its company. For that there are always
    two rows at least, the second a double: for one row alone torch takes other paths, in convolutions say. A compiled
    step has its own number of rows, and doubles fill it where lanes make up half of them.
    """

    def __init__(self, template: Template, compiled: CompiledStep | None = None, *, planned: int = 1):
        self._template, self._compiled, self._planned = template, compiled, planned
        self.layout, self.draws = template.layout, template.draws
        # Torch warns of each operation that it runs lane by lane; whether lanes pay is measured.
        warnings.filterwarnings("ignore", message="There is a performance drop")
        self.flat = torch.empty(0)
        self._leaves: list[Tensor] = []
        self._idle: list[Tensor] = []
        self.fixed: dict[str, Tensor] = {}
        """Buffers and parameters that do not train, [K, ...]."""

    def adopt(self, models: Sequence[nn.Module]) -> None:
        """Takes these models' values, one row each, and makes their tensors views of it; forgets all others."""
        if not models:
            self.flat, self._leaves, self._idle, self.fixed = torch.empty(0), [], [], {}
            return
        doubles = models[: self._rows(len(models)) - len(models)]
        rows = [torch.cat([each.detach().reshape(-1) for each in self.layout.trained(model)]) for model in models]
        fixed = [self.layout.fixed(model) for model in (*models, *doubles)]
        self.flat = torch.stack([*rows, *rows[: len(doubles)]])
        # One leaf a parameter: its gradient goes to its place in one copy, which a split's backward pass takes two for.
        self._leaves = [view.detach().requires_grad_() for view in self.layout.views(self.flat)]
        self.fixed = {name: torch.stack([each[name].detach() for each in fixed]) for name in fixed[0]}
        for row, model in enumerate(models):
            for parameter, view in zip(self.layout.trained(model), self.layout.views(self.flat[row]), strict=True):
                parameter.data = view
            for name, tensor in self.layout.fixed(model).items():
                tensor.data = self.fixed[name][row]
        self._idle = [self.fixed[name].requires_grad_() for name in self.layout.idle]

    def _rows(self, lanes: int) -> int:
        rows = self._compiled.rows if self._compiled and self._compiled.refused is None else 0
        return rows if lanes <= rows <= 2 * lanes else max(lanes, 2)

    def release(self, model: nn.Module) -> None:
        """Gives a model tensors of its own again, with the values that they have now."""
        for tensor in (*self.layout.trained(model), *self.layout.fixed(model).values()):
            tensor.data = tensor.data.clone()
            if isinstance(tensor, nn.Parameter):
                tensor.grad = None

    def step(self, batch: Batch, drawing: AbstractContextManager[object] = _NOTHING) -> tuple[Tensor, Tensor]:
        """The loss of every row on its own batch [K, B, ...], [K], and its gradient, [K, P]; compiled, if that is on.

        Random numbers are drawn within `drawing`, which every operation within pays for.
        Raises CannotFuse if other parameters than on the first batch have a gradient.
        """
        if self._compiled is None or not self._compiled.serves(len(self.flat), batch):
            return self._eager_step(batch, drawing)
        self._template.train(True)
        done = self._compiled(self._template, self._leaves, self.fixed, batch)
        if done is None:
            return self._eager_step(batch, drawing)
        losses, grads, buffers = done
        gradient = self._in_rows(grads)
        if self._compiled.trusted:
            for name, values in buffers.items():
                self.fixed[name].copy_(values)
            return losses, gradient
        eager = self._eager_step(batch, drawing)
        own = {name: self.fixed[name] for name in buffers}
        pairs = zip((losses, gradient, *buffers.values()), (*eager, *own.values()), strict=True)
        if all(alike(compiled, by_torch, self._template.precision) for compiled, by_torch in pairs):
            self._compiled.trusted = True
        else:
            self._compiled.refused = "compiled they would train otherwise"
        return eager

    def _eager_step(self, batch: Batch, drawing: AbstractContextManager[object]) -> tuple[Tensor, Tensor]:
        with drawing:
            losses = self.losses(batch)
        return losses.detach(), self.gradient(losses, drawing)

    def losses(self, batch: Batch, *, training: bool = True) -> Tensor:
        """The loss of every row on its own batch [K, B, ...]: [K], for `gradient`."""
        self._template.train(training)
        losses: Tensor = self._mapped("loss", batch)
        return losses

    def gradient(self, losses: Tensor, drawing: AbstractContextManager[object] = _NOTHING) -> Tensor:
        """The gradient of each row's loss, [K, P]."""
        wanted = [*self._leaves, *self._idle]
        with drawing if self._template.draws_backwards else _NOTHING:
            grads = torch.autograd.grad(losses.sum(), wanted, allow_unused=True)
        own = [grad for grad in grads[: len(self._leaves)] if grad is not None]
        if len(own) < len(self._leaves) or any(grad is not None for grad in grads[len(own) :]):
            raise CannotFuse("some of its parameters have a gradient on some batches only")
        return self._in_rows(own)

    def _in_rows(self, grads: Sequence[Tensor]) -> Tensor:
        flat = torch.empty_like(self.flat)
        for place, grad in zip(self.layout.views(flat), grads, strict=True):
            place.copy_(grad)
        return flat

    @torch.no_grad()
    def metrics(self, batch: Batch) -> dict[str, Tensor]:
        """The validation metrics of every row on its own batch [K, B, ...] by their logged names, each [K]."""
        self._template.train(False)
        metrics: dict[str, Tensor] = self._mapped("metrics", batch)
        return metrics

    def _mapped(self, of: str, batch: Batch) -> Any:
        names = (*self.layout.names, *self.fixed)

        def output(tensors: Sequence[Tensor]) -> Any:
            named, own = dict(zip(names, tensors, strict=False)), iter(tensors[len(names) :])
            return self._template.output(of, named, map_tensors(lambda _: next(own), batch))

        tensors = [*self._leaves, *self.fixed.values(), *tensors_in(batch)]
        with mended(self._planned):
            return lanewise(output, tensors, randomness="different" if self.draws else "error")
