"""The stacked step through torch.compile, which is loaded for the first compiled step and not before."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from workers.fused.mended import mended
from workers.fused.refusals import first_line
from workers.fused.template import Template
from workers.memory import is_short_of_memory
from workers.products import by_onednn, onednn_pays
from workers.structures import map_tensors, tensors_in
from workers.task import Batch

_Results = tuple[Tensor, Sequence[Tensor], Mapping[str, Tensor]]
"""Losses [K], the gradient of each trained parameter [K, *shape], and the buffers after the step, [K, ...]."""
_MATRICES = 3
"""Axes of the lanes' weights of a linear layer."""
_TIMED = 4
"""How often a compiled step is made with products of either kind; the quickest counts."""


class CompiledStep:
    """Losses and gradients of `rows` lanes by one compiled function, for batches of the first one's shapes.

    All others take the eager step, so that nothing is ever compiled twice. What the compiler cannot do is not tried
    again: `refused` says why. Who calls it compares its first results and then trusts it.
    """

    def __init__(self, rows: int):
        self.rows = rows
        self.trusted = False
        self.refused: str | None = None
        self.seconds = 0.0
        """How long compiling took."""
        self._shapes: list[torch.Size] | None = None
        self._large, self._wide = False, False
        """Whether some of its products are large, and whether oneDNN makes them all."""
        self._call: Callable[..., _Results] | None = None

    def serves(self, rows: int, batch: Batch) -> bool:
        """True if it takes so many rows and a batch [K, B, ...] of these shapes."""
        return self.refused is None and rows == self.rows and self._shapes in (None, _shapes(batch))

    def __call__(
        self, template: Template, leaves: Sequence[Tensor], fixed: Mapping[str, Tensor], batch: Batch
    ) -> _Results | None:
        """A step's results; it changes nothing. None if it cannot be done, and nothing is lost then.

        Raises what torch does if memory is short.
        """
        if self._call is None:
            self._large = any(_has_large_products(leaf, batch) for leaf in leaves)
        # For oneDNN torch would copy rows of one tensor, and once more in the backward pass.
        own = [leaf.detach().contiguous() if self._large else leaf.detach() for leaf in leaves]
        arguments = own, dict(fixed), map_tensors(Tensor.contiguous, batch)
        try:
            with mended():
                if self._call is None:
                    return self._compile(template, arguments)
                with torch.compiler.set_stance("fail_on_recompile"), by_onednn() if self._wide else nullcontext():
                    return self._call(*arguments)
        except Exception as error:
            if is_short_of_memory(error):
                raise
            self.refused = first_line(getattr(error, "inner_exception", error))
            return None

    def _compile(self, template: Template, arguments: tuple[Any, Any, Batch]) -> _Results:
        if template.draws:
            raise ValueError("it draws random numbers, and compiled lanes would not draw their own")
        began = time.perf_counter()
        call = torch.compile(_pure(template), dynamic=False, fullgraph=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results: _Results = call(*arguments)
        self._call, self._shapes = call, _shapes(arguments[2])
        self.seconds = time.perf_counter() - began
        self._wide = self._large and _quicker_by_onednn(partial(call, *arguments))
        if not self._wide:
            return results
        # What is compared before it is trusted is what will train.
        with by_onednn():
            return call(*arguments)


def _pure(template: Template) -> Callable[..., _Results]:
    """A step of all rows that writes into none of its arguments."""

    def of_lane(leaves: Sequence[Tensor], fixed: Mapping[str, Tensor], batch: Batch) -> Any:
        def loss(leaves: Sequence[Tensor]) -> Any:
            buffers = {name: fixed[name].clone() for name in template.buffers}
            named = {**dict(zip(template.layout.names, leaves, strict=True)), **fixed, **buffers}
            return template.output("loss", named, batch), buffers

        grads, (value, buffers) = grad_and_value(loss, has_aux=True)(leaves)
        return value, grads, buffers

    return vmap(of_lane)


def _quicker_by_onednn(step: Callable[[], object]) -> bool:
    """True if a step whose products are large is quicker by oneDNN; attention within is ten times as slow by it."""

    def timed() -> float:
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    plain, wide = [], []
    for _ in range(_TIMED):
        plain.append(timed())
        with by_onednn():
            wide.append(timed())
    return min(wide) < min(plain)


def _has_large_products(leaf: Tensor, batch: Batch) -> bool:
    """True for the weights [K, out, in] of a layer whose products with such a batch [K, B, ...] are large."""
    examples = max((tensor.shape[1] for tensor in tensors_in(batch) if tensor.dim() > 1), default=1)
    return leaf.dim() == _MATRICES and onednn_pays(examples * leaf.numel(), leaf)


def _shapes(batch: Batch) -> list[torch.Size]:
    return [tensor.shape for tensor in tensors_in(batch)]
